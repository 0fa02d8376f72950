"""The model of docs/MODEL.md in numpy float64, written from that page alone, in its dual and its buffered form.

    model = Model(folder)            config.json and model.safetensors: latent, packed, either scale convention
    model.logits(ids)                [T, V], every layer over all tokens, chunks by the matrices of MODEL 3.2
    reader = Reader(model)           the buffered form of MODEL 3.4, a token at a time
    reader.look(candidates)          logits and tie distances of several possible next tokens; keep(i) reads one

Both report, for every token, how near any activation x s came to a rounding tie, in steps of int8.
"""

import json
import os

import numpy as np
from safetensors import deserialize

DEFAULTS = {
    "vocab_size": 16384, "hidden_size": 256, "intermediate_size": 688, "num_hidden_layers": 8,
    "num_attention_heads": 4, "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "ttt_layer_type": "linear",
    "ttt_base_lr": 1.0, "mini_batch_size": 16, "conv_kernel": 4, "share_qk": True, "use_gate": True,
    "pre_conv": False, "tie_word_embeddings": True, "ttt_forget": False,
}
f32 = np.float32


def with_defaults(given):
    """The fields of a config.json, those that it leaves out by FORMATS 1.1."""
    mlp = {"ttt_base_lr": 0.1} if given.get("ttt_layer_type") == "mlp" else {}
    return {name: given.get(name, default) for name, default in {**DEFAULTS, **mlp}.items()}


# ---- files (FORMATS 1) ----

def read_tensors(path):
    """The tensors of a file as float64, or uint8 where they are packed."""
    with open(path, "rb") as file:
        listed = deserialize(file.read())
    tensors = {}
    for name, tensor in listed:
        data, kind = tensor["data"], tensor["dtype"]
        if kind == "BF16":
            flat = (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(f32)
        else:
            flat = np.frombuffer(data, {"F32": "<f4", "F16": "<f2", "U8": "u1"}[kind])
        flat = flat if kind == "U8" else flat.astype(np.float64)
        tensors[name] = flat.reshape(tensor["shape"])
    return tensors


def ternarise(latent):
    """MODEL 2: the ternary matrix and its scale g, by the sum of integers."""
    latent = latent.astype(f32)
    fixed = np.rint(np.minimum(np.abs(latent), f32(256)).astype(np.float64) * 2.0**32).astype(np.int64)
    g = np.maximum(f32(np.float64(fixed.sum()) / 2.0**32 / latent.size), f32(1e-5))
    return np.where(2 * np.abs(latent) > g, np.sign(latent), 0).astype(np.float64), g


def unpack(codes, scale, inverse):
    """The same from a packed file: row r is in bits 2i, 2i+1 of byte row r - i rows, i = r / rows."""
    values = np.concatenate([(codes >> (2 * i)) & 3 for i in range(4)])
    if values.max() > 2:
        raise ValueError("a packed matrix holds the code 3")
    scale = f32(scale.reshape(()))
    return values.astype(np.float64) - 1, f32(1) / scale if inverse else scale


# ---- the pieces that every form shares ----

def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def silu(a):
    return a * sigmoid(a)


def gelu(a):
    return a / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (a + 0.044715 * a**3)))


def gelu_slope(a):
    t = np.tanh(np.sqrt(2 / np.pi) * (a + 0.044715 * a**3))
    return (1 + t) / 2 + a / 2 * (1 - t * t) * np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * a * a)


def rms_norm(x, weight, eps):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * weight


def standardise(z):
    """(z - mean z) / sigma and sigma, row by row, with the biased variance."""
    centred = z - z.mean(-1, keepdims=True)
    sigma = np.sqrt((centred * centred).mean(-1, keepdims=True) + 1e-6)
    return centred / sigma, sigma


def inner_gradient(z, target, gamma, beta):
    """G of MODEL 3.2: the derivative of 1/2 |gamma LN(z) + beta - target|^2 by z."""
    xh, sigma = standardise(z)
    a = gamma * (gamma * xh + beta - target)
    return (a - a.mean(-1, keepdims=True) - xh * (a * xh).mean(-1, keepdims=True)) / sigma


class Rows:
    """Rows as a BitLinear reads them: the integers xi, the scale s, and how far x s stays from ties."""

    def __init__(self, x, ternary):
        self.x, self.distance = x, np.full(x.shape[0], np.inf)
        if ternary:
            x = x.astype(f32)
            self.s = f32(127) / np.maximum(np.abs(x).max(-1, keepdims=True), f32(1e-5))
            scaled = x * self.s
            self.xi = np.clip(np.rint(scaled), -128, 127).astype(np.float64)
            part = np.abs(scaled.astype(np.float64)) % 1
            self.distance = np.abs(part - 0.5).min(-1)


class Layer:
    """The tensors of one layer by the names of MODEL, and what a token passes through in every form."""

    def __init__(self, model, prefix):
        c, take = model.config, model.take
        block = prefix + "seq_modeling_block."
        H, D = c["num_attention_heads"], c["hidden_size"]
        self.config, self.ternary, self.H, self.F, self.C = c, model.ternary, H, D // H, c["mini_batch_size"]
        self.mlp = c["ttt_layer_type"] == "mlp"
        self.matrix = {m: model.matrix(f"{block}{m}_proj") for m in "qkvgo"
                       if (m != "k" or not c["share_qk"]) and (m != "g" or c["use_gate"])}
        self.matrix.update({m: model.matrix(f"{prefix}mlp.{m}_proj") for m in ("gate", "up", "down")})
        self.conv = {}
        if c["pre_conv"]:
            self.pre_norm = take(prefix + "conv.norm.weight")
            self.conv["pre"] = take(prefix + "conv.conv.weight")[:, 0], take(prefix + "conv.conv.bias")
        if c["share_qk"]:
            for m in "qk":
                self.conv[m] = take(f"{block}conv_{m}.weight")[:, 0], take(f"{block}conv_{m}.bias")
        self.seq_norm, self.ffn_norm = take(prefix + "seq_norm.weight"), take(prefix + "ffn_norm.weight")
        self.attn_sub_norm = take(block + "attn_sub_norm.weight")
        self.ffn_sub_norm = take(prefix + "mlp.ffn_sub_norm.weight")
        self.post_norm = take(block + "post_norm.weight"), take(block + "post_norm.bias")
        self.lr_w = take(block + "learnable_ttt_lr_weight")[:, 0]
        self.lr_b = take(block + "learnable_ttt_lr_bias")[:, 0]
        self.tau = np.maximum(1 / np.arange(1, self.C + 1) + take(block + "learnable_token_idx"), 0)
        self.gamma = take(block + "ttt_norm_weight")[:, None]
        self.beta = take(block + "ttt_norm_bias")[:, None]
        self.start = [take(block + name) for name in (("W1", "b1", "W2", "b2") if self.mlp else ("W1", "b1"))]
        self.rho = None
        if c["ttt_forget"]:
            half_life = np.maximum(np.exp(take(block + "learnable_ttt_half_life")), 1)[:, None, None]
            self.rho = 2 ** (-1 / half_life)
        self.ties = []

    def kept(self, theta):
        """What is left of a state at the end of a full chunk, before its update (MODEL 3.7)."""
        if self.rho is None:
            return theta
        return [start + self.rho * (part - start) for start, part in zip(self.start, theta)]

    def rows(self, x):
        rows = Rows(x, self.ternary)
        self.ties.append(rows.distance)
        return rows

    def linear(self, name, rows):
        """BitLinear: float32 up to g / s, the product y in float64 (MODEL 2)."""
        if not self.ternary:
            return rows.x @ self.matrix[name].T
        wt, g = self.matrix[name]
        return rows.xi @ wt.T * np.float64(g / rows.s)

    def norm(self, x, weight):
        return rms_norm(x, weight, self.config["rms_norm_eps"])

    def heads(self, x):
        """[n, D] as [H, n, F]."""
        return x.reshape(len(x), self.H, self.F).transpose(1, 0, 2)

    def rotate(self, x, t):
        """RoPE of [H, n, F] by the places t [n] in the chunk, interleaved pairs."""
        i = np.arange(self.F // 2)
        angle = (t % self.C)[:, None] * self.config["rope_theta"] ** (-2.0 * i / self.F)
        cos, sin, turned = np.cos(angle), np.sin(angle), np.empty_like(x)
        turned[..., 0::2] = x[..., 0::2] * cos - x[..., 1::2] * sin
        turned[..., 1::2] = x[..., 0::2] * sin + x[..., 1::2] * cos
        return turned

    def lam(self, X):
        """The inner learning rate of every head and row, [H, n]."""
        c = self.config
        return (c["ttt_base_lr"] * sigmoid(X @ self.lr_w.T + self.lr_b) / self.F).T

    def views(self, X, t, convolve):
        """q, k, v, lambda of MODEL 3.1 for the rows X at the places t, and the rows as quantised."""
        xq = self.rows(X)
        u = self.linear("q", xq)
        if self.config["share_qk"]:
            q, k = convolve("qk", "q", u), convolve("qk", "k", u)
        else:
            q, k = u, self.linear("k", xq)
        q, k, v = self.heads(q), self.heads(k), self.heads(self.linear("v", xq))
        return self.rotate(q, t), self.rotate(k, t), v, self.lam(X), xq

    def output(self, o, xq):
        """MODEL 3.3 from the heads' o [H, n, F]."""
        p = standardise(o.transpose(1, 0, 2).reshape(o.shape[1], -1))[0] * self.post_norm[0] + self.post_norm[1]
        y = gelu(self.linear("g", xq)) * p if self.config["use_gate"] else p
        return self.linear("o", self.rows(self.norm(y, self.attn_sub_norm)))

    def swiglu(self, y):
        rows = self.rows(y)
        hidden = silu(self.linear("gate", rows)) * self.linear("up", rows)
        return self.linear("down", self.rows(self.norm(hidden, self.ffn_sub_norm)))

    def forward(self, x, t, convolve, inner):
        """One layer; the form is in convolve(tail, name, u) and inner(q, k, v, lambda)."""
        if self.config["pre_conv"]:
            x = x + convolve("pre", "pre", self.norm(x, self.pre_norm))
        q, k, v, lam, xq = self.views(self.norm(x, self.seq_norm), t, convolve)
        x = x + self.output(inner(q, k, v, lam), xq)
        return x + self.swiglu(self.norm(x, self.ffn_norm))

    def answer(self, q, zb):
        return q + self.gamma * standardise(zb)[0] + self.beta


# ---- the dual form (MODEL 3.2 and 3.6) ----

def chunk_linear(layer, theta, q, k, v, lam):
    """One chunk of TTT-Linear for all heads: o, and the state behind the chunk when it is full."""
    (W, b), n = theta, q.shape[1]
    G = inner_gradient(k @ W + b, v - k, layer.gamma, layer.beta)
    M = np.tril(layer.tau[:n, None] * lam[:, None, :])
    zb = q @ W + b - (M * (q @ k.swapaxes(1, 2) + 1)) @ G
    r = (layer.tau[-1] * lam)[..., None]
    if n == layer.C:
        W, b = layer.kept(theta)
        theta = [W - (r * k).swapaxes(1, 2) @ G, b - (r * G).sum(1, keepdims=True)]
    return layer.answer(q, zb), theta


def chunk_mlp(layer, theta, q, k, v, lam):
    """The same for TTT-MLP."""
    (W1, b1, W2, b2), n = theta, q.shape[1]
    z1 = k @ W1 + b1
    x2 = gelu(z1)
    G2 = inner_gradient(x2 @ W2 + b2, v - k, layer.gamma, layer.beta)
    G1 = G2 @ W2.swapaxes(1, 2) * gelu_slope(z1)
    M = np.tril(layer.tau[:n, None] * lam[:, None, :])
    xb = gelu(q @ W1 + b1 - (M * (q @ k.swapaxes(1, 2) + 1)) @ G1)
    zb2 = xb @ W2 + b2 - (M * (xb @ x2.swapaxes(1, 2) + 1)) @ G2
    r = (layer.tau[-1] * lam)[..., None]
    if n == layer.C:
        W1, b1, W2, b2 = layer.kept(theta)
        theta = [W1 - (r * k).swapaxes(1, 2) @ G1, b1 - (r * G1).sum(1, keepdims=True),
                 W2 - (r * x2).swapaxes(1, 2) @ G2, b2 - (r * G2).sum(1, keepdims=True)]
    return layer.answer(q, zb2), theta


class Model:
    def __init__(self, folder):
        with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
            given = json.load(file)
        self.config = with_defaults(given)
        quantization = given.get("quantization_config")
        self.ternary = quantization is not None
        self.packed = self.ternary and quantization.get("quantization_mode") == "offline"
        self.inverse = self.packed and quantization.get("linear_class") != "autobitlinear"
        self.tensors = read_tensors(os.path.join(folder, "model.safetensors"))
        self.bind()

    def bind(self):
        """Makes everything anew from the tensors, which a caller may have changed."""
        self.embed, self.norm = self.take("model.embed_tokens.weight"), self.take("model.norm.weight")
        self.head = self.embed if self.config["tie_word_embeddings"] else self.take("lm_head.weight")
        self.layers = [Layer(self, f"model.layers.{i}.") for i in range(self.config["num_hidden_layers"])]

    def take(self, name):
        return self.tensors[name]

    def matrix(self, name):
        weight = self.take(name + ".weight")
        if self.packed:
            return unpack(weight, self.take(name + ".weight_scale"), self.inverse)
        return ternarise(weight) if self.ternary else weight

    def close(self, x):
        return rms_norm(x, self.norm, self.config["rms_norm_eps"]) @ self.head.T

    def logits(self, ids):
        """[T, V] by the dual form, and every token's smallest distance to a tie."""
        x, t = self.embed[np.asarray(ids)], np.arange(len(ids))
        for layer in self.layers:
            layer.ties = []

            def convolve(_, name, u, layer=layer):
                w, bias = layer.conv[name]
                K = w.shape[1]
                padded = np.concatenate([np.zeros((K - 1, u.shape[1])), u])
                return bias + sum(w[:, K - 1 - j] * padded[K - 1 - j:len(padded) - j] for j in range(K))

            def inner(q, k, v, lam, layer=layer):
                theta, parts = layer.start, []
                for at in range(0, q.shape[1], layer.C):
                    cut = slice(at, at + layer.C)
                    o, theta = (chunk_mlp if layer.mlp else chunk_linear)(
                        layer, theta, q[:, cut], k[:, cut], v[:, cut], lam[:, cut])
                    parts.append(o)
                return np.concatenate(parts, 1)

            x = layer.forward(x, t, convolve, inner)
        return self.close(x), self.ties()

    def ties(self):
        return np.min([row for layer in self.layers for row in layer.ties], axis=0)


# ---- the buffered form (MODEL 3.4) ----

class Memory:
    """What one layer remembers: the state, the partial chunk, the last inputs of its convolutions."""

    def __init__(self, layer):
        self.layer, self.theta = layer, [np.array(part) for part in layer.start]
        empty = [layer.F, layer.F] if not layer.mlp else [layer.F, 4 * layer.F, 4 * layer.F, layer.F]
        self.chunk = [np.zeros((layer.H, 0, width)) for width in empty]
        self.tails = {}
        self.found = self.inputs = None

    def convolve(self, tail, name, u):
        """Of candidates u [n, D], each behind the same K - 1 rows."""
        w, bias = self.layer.conv[name]
        before = self.tails.setdefault(tail, np.zeros((w.shape[1] - 1, u.shape[1])))
        self.inputs[tail] = u
        return bias + (w.T[:-1] * before).sum(0) + w[:, -1] * u

    def mixed(self, q, tau, keys, steps, key, step):
        """tau sum_j (q . k_j + 1) h_j over the chunk and the token itself."""
        past = (q @ keys.swapaxes(1, 2) + 1) @ steps
        return tau * (past + ((q * key).sum(-1, keepdims=True) + 1) * step)

    def inner(self, q, k, v, lam):
        layer, theta, chunk = self.layer, self.theta, self.chunk
        tau, lam = layer.tau[chunk[0].shape[1]], lam[..., None]
        if layer.mlp:
            W1, b1, W2, b2 = theta
            z1 = k @ W1 + b1
            x2 = gelu(z1)
            G2 = inner_gradient(x2 @ W2 + b2, v - k, layer.gamma, layer.beta)
            G1 = G2 @ W2.swapaxes(1, 2) * gelu_slope(z1)
            xb = gelu(q @ W1 + b1 - self.mixed(q, tau, chunk[0], chunk[1], k, lam * G1))
            zb = xb @ W2 + b2 - self.mixed(xb, tau, chunk[2], chunk[3], x2, lam * G2)
            self.found = [k, lam * G1, x2, lam * G2]
        else:
            W, b = theta
            G = inner_gradient(k @ W + b, v - k, layer.gamma, layer.beta)
            zb = q @ W + b - self.mixed(q, tau, chunk[0], chunk[1], k, lam * G)
            self.found = [k, lam * G]
        return layer.answer(q, zb)

    def keep(self, i):
        """Candidate i was the token: its rows join the chunk, and a full chunk becomes state."""
        for tail, u in self.inputs.items():
            self.tails[tail] = np.concatenate([self.tails[tail], u[i:i + 1]])[1:]
        self.chunk = [np.concatenate([old, new[:, i:i + 1]], 1) for old, new in zip(self.chunk, self.found)]
        if self.chunk[0].shape[1] < self.layer.C:
            return
        step, self.theta = self.layer.tau[-1], self.layer.kept(self.theta)
        for pair in range(0, len(self.chunk), 2):
            keys, steps = self.chunk[pair:pair + 2]
            self.theta[pair] = self.theta[pair] - step * keys.swapaxes(1, 2) @ steps
            self.theta[pair + 1] = self.theta[pair + 1] - step * steps.sum(1, keepdims=True)
        self.chunk = [part[:, :0] for part in self.chunk]


class Reader:
    """One sequence. look() tries candidates for its next token at once, keep() reads one of them."""

    def __init__(self, model):
        self.model, self.t = model, 0
        self.memories = [Memory(layer) for layer in model.layers]

    def look(self, candidates):
        """Logits [n, V] after each candidate, and each one's smallest distance to a tie."""
        x = self.model.embed[np.asarray(candidates)]
        for layer, memory in zip(self.model.layers, self.memories):
            layer.ties, memory.inputs = [], {}
            x = layer.forward(x, np.full(len(x), self.t), memory.convolve, memory.inner)
        return self.model.close(x), self.model.ties()

    def keep(self, i):
        for memory in self.memories:
            memory.keep(i)
        self.t += 1
