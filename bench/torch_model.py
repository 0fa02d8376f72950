"""The default model of docs/MODEL.md (TTT-Linear, share_qk, use_gate, tied) in PyTorch, for speed.

Chunks are taken by the closed forms of MODEL 3.2 and 3.4, gradients by autograd, but for those of
the ternary products, which are straight-through.  What may be compiled is a function of tensors.
"""
import json
import math

import torch
import torch.nn.functional as F

LAYER = "model.layers.{}."
TTT = "seq_modeling_block."


def rms(x, w):
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6) * w


def centred(x):
    """(x - mean) / sigma, and 1 / sigma."""
    x = x - x.mean(-1, keepdim=True)
    inv = torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6)
    return x * inv, inv


def quantise(x):
    s = 127.0 / x.detach().abs().amax(-1, keepdim=True).clamp_min(1e-5)
    return torch.round(x.detach() * s), s


def ternarise(W):
    g = W.abs().double().mean().to(W.dtype).clamp_min(1e-5)
    return torch.round(W / g).clamp(-1, 1), g


class Straight(torch.autograd.Function):
    """y = (xi Wt^T) g / s with products in `dtype`; x is here for its gradient."""

    @staticmethod
    def forward(ctx, x, xi, s, W, dtype):
        Wt, g = ternarise(W)
        Wt = Wt.to(dtype)
        ctx.save_for_backward(xi, s, Wt, g)
        return (xi.to(dtype) @ Wt.t()).float() * (g / s)

    @staticmethod
    def backward(ctx, dy):
        xi, s, Wt, g = ctx.saved_tensors
        d = dy.to(Wt.dtype)
        dW = d.flatten(0, -2).t() @ (xi / s).to(Wt.dtype).flatten(0, -2)
        return (d @ Wt).float() * g, None, None, dW.float(), None


def product(x, xi, s, W, dtype):
    """W is a latent matrix, or (Wt, g) of a model that only reads, Wt [in, out] in dtype."""
    if not isinstance(W, tuple):
        return x @ W.t() if dtype is None else Straight.apply(x, xi, s, W, dtype)
    if dtype == torch.int8:
        y = torch._int_mm(xi.to(dtype).flatten(0, -2), W[0])
        return y.view(*xi.shape[:-1], -1).float() * (W[1] / s)
    return (xi.to(dtype) @ W[0]).float() * (W[1] / s)


def conv(u, tail, w, bias):
    """The convolution of u [B,T,D] behind `tail` [B,K-1,D]."""
    T, K = u.shape[1], w.shape[-1]
    past = torch.cat((tail, u), 1)
    return bias + sum(w[:, 0, j] * past[:, j : j + T] for j in range(K))


def rope(x, cos, sin):
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


def gradient(k, v, W, b, p):
    """G of MODEL 3.2."""
    xh, inv = centred(k @ W + b)
    a = p["gamma"] * (p["gamma"] * xh + p["beta"] - (v - k))
    return (a - a.mean(-1, keepdim=True) - xh * (a * xh).mean(-1, keepdim=True)) * inv


def chunk(q, k, v, mix, r, W, b, p):
    """One chunk [B,H,n,F] of all heads: o, and the state behind it when r is not None."""
    G = gradient(k, v, W, b, p)
    o = q + p["gamma"] * centred(q @ W + b - mix @ G)[0] + p["beta"]
    if r is None:
        return o, W, b
    W = p["W0"] + p["rho"] * (W - p["W0"]) - (r * k).transpose(-1, -2) @ G
    return o, W, p["b0"] + p["rho"] * (b - p["b0"]) - (r * G).sum(-2, keepdim=True)


def views(x, w, tables, tails, c):
    """q, k, v [B,H,T,F], z, lambda [B,H,T], the new x and tails."""
    pre, u_tail = tails
    if "pre_conv" in w:
        n = rms(x, w["pre_norm"])
        x, pre = x + conv(n, pre, w["pre_conv"], w["pre_conv_b"]), torch.cat((pre, n), 1)[:, -3:]
    X = rms(x, w["seq_norm"])
    xi, s = quantise(X)
    u, v, z = (product(X, xi, s, w[m], c.dtype) for m in ("q", "v", "g"))
    heads = lambda y: y.unflatten(-1, (c.H, -1)).transpose(1, 2)
    q = rope(heads(conv(u, u_tail, w["conv_q"], w["conv_q_b"])), *tables)
    k = rope(heads(conv(u, u_tail, w["conv_k"], w["conv_k_b"])), *tables)
    gate = torch.sigmoid(X @ w["lr_w"][:, 0].t() + w["lr_b"][:, 0]) * (c.H / c.D)
    return q, k, heads(v), z, gate.transpose(1, 2), x, (pre, torch.cat((u_tail, u), 1)[:, -3:])


def output(x, o, z, w, c):
    """The rest of a layer behind its chunks."""
    y = F.layer_norm(o.transpose(1, 2).flatten(-2), (c.D,), w["post_w"], w["post_b"], 1e-6)
    y = rms(F.gelu(z, approximate="tanh") * y, w["attn_sub"])
    x = x + product(y, *quantise(y), w["o"], c.dtype)
    X = rms(x, w["ffn_norm"])
    xi, s = quantise(X)
    h = F.silu(product(X, xi, s, w["gate"], c.dtype)) * product(X, xi, s, w["up"], c.dtype)
    h = rms(h, w["ffn_sub"])
    return x + product(h, *quantise(h), w["down"], c.dtype)


def inner(w):
    """What chunks read of a layer, shaped [H,.,.]."""
    hl = torch.exp(w["half_life"]).clamp_min(1)[:, None, None] if "half_life" in w else None
    return {"gamma": w["gamma"][:, None], "beta": w["beta"][:, None], "W0": w["W0"], "b0": w["b0"],
            "rho": 1.0 if hl is None else torch.exp2(-1 / hl)}


def tau_of(w):
    n = w["delta"].numel()
    return torch.clamp_min(1 / torch.arange(1, n + 1).float() + w["delta"], 0)


def mixes(q, k, lam, tau):
    """mix and r of whole chunks or of the last part, [B,H,chunks,m,m] and [B,H,chunks,m,1]."""
    m = q.shape[-2]
    mix = torch.tril(tau[:m, None] * lam[..., None, :]) * (q @ k.transpose(-1, -2) + 1)
    return mix, (tau[-1] * lam)[..., None]


def layer(x, w, tables, state, c):
    """x [B,T,D] through a layer; state is (tails, W, b) with whole chunks behind it."""
    tails, W, b = state
    q, k, v, z, lam, x, tails = c.views(x, w, tables, tails, c)
    p, tau, n, T, outs = inner(w), tau_of(w), w["delta"].numel(), q.shape[2], []
    whole = T // n * n
    if whole:
        split = lambda y: y[:, :, :whole].unflatten(2, (-1, n))
        Q, K, V = split(q), split(k), split(v)
        mix, r = mixes(Q, K, split(lam), tau)
        for i in range(whole // n):
            at = (slice(None), slice(None), i)
            o, W, b = c.chunk(Q[at], K[at], V[at], mix[at], r[at], W, b, p)
            outs.append(o)
    if whole < T:
        rest = (slice(None), slice(None), slice(whole, None))
        mix, _ = mixes(q[rest], k[rest], lam[rest], tau)
        outs.append(chunk(q[rest], k[rest], v[rest], mix, None, W, b, p)[0])
    return c.output(x, torch.cat(outs, 2), z, w, c), (tails, W, b)


def start(w, B, c):
    zero = lambda: torch.zeros(B, 3, c.D)
    return (zero(), zero()), w["W0"].expand(B, -1, -1, -1), w["b0"].expand(B, -1, -1, -1)


def token(x, w, tables, i, tails, W, b, keys, grads, c):
    """One token at place i (a tensor) of its chunk by MODEL 3.4; keys and grads are written to."""
    q, k, v, z, lam, x, tails = views(x, w, tables, tails, c)
    p = inner(w)
    keys.index_copy_(2, i, k)
    grads.index_copy_(2, i, lam[..., None] * gradient(k, v, W, b, p))
    zb = q @ W + b - tau_of(w)[i] * ((q @ keys.transpose(-1, -2) + 1) @ grads)
    return output(x, q + p["gamma"] * centred(zb)[0] + p["beta"], z, w, c), tails


def fold(w, W, b, keys, grads):
    """The end of a chunk of tokens: W, b, and grads empty."""
    p, t = inner(w), tau_of(w)[-1]
    W.copy_(p["W0"] + p["rho"] * (W - p["W0"]) - t * (keys.transpose(-1, -2) @ grads))
    b.copy_(p["b0"] + p["rho"] * (b - p["b0"]) - t * grads.sum(-2, keepdim=True))
    grads.zero_()


def tables_of(first, T, n, width):
    t = torch.arange(first, first + T) % n
    angle = t[:, None] * 10000.0 ** (-torch.arange(0, width, 2) / width)
    return torch.cos(angle), torch.sin(angle)


def head_loss(h, w, E, targets, dtype):
    h, E = rms(h, w).flatten(0, 1), E
    return F.cross_entropy((h.to(dtype) @ E.to(dtype).t()).float(), targets.flatten())


NAMES = {
    "pre_norm": "conv.norm.weight", "pre_conv": "conv.conv.weight", "pre_conv_b": "conv.conv.bias",
    "seq_norm": "seq_norm.weight", "ffn_norm": "ffn_norm.weight",
    "q": TTT + "q_proj.weight", "v": TTT + "v_proj.weight", "g": TTT + "g_proj.weight",
    "o": TTT + "o_proj.weight", "conv_q": TTT + "conv_q.weight", "conv_q_b": TTT + "conv_q.bias",
    "conv_k": TTT + "conv_k.weight", "conv_k_b": TTT + "conv_k.bias",
    "lr_w": TTT + "learnable_ttt_lr_weight", "lr_b": TTT + "learnable_ttt_lr_bias",
    "delta": TTT + "learnable_token_idx", "half_life": TTT + "learnable_ttt_half_life",
    "gamma": TTT + "ttt_norm_weight", "beta": TTT + "ttt_norm_bias", "W0": TTT + "W1",
    "b0": TTT + "b1", "post_w": TTT + "post_norm.weight", "post_b": TTT + "post_norm.bias",
    "attn_sub": TTT + "attn_sub_norm.weight", "gate": "mlp.gate_proj.weight",
    "up": "mlp.up_proj.weight", "ffn_sub": "mlp.ffn_sub_norm.weight",
    "down": "mlp.down_proj.weight",
}
MATRICES = ("q", "v", "g", "o", "gate", "up", "down")


def layer_of(tensors, l):
    at = LAYER.format(l)
    return {k: tensors[at + v] for k, v in NAMES.items() if at + v in tensors}


def random_tensors(V, D, L, H, I, n=16, K=4):
    f, t = D // H, {}
    normal = lambda *shape: torch.randn(*shape) * 0.02
    shapes = {"q": (D, D), "v": (D, D), "g": (D, D), "o": (D, D), "gate": (I, D), "up": (I, D),
              "down": (D, I), "lr_w": (H, 1, D), "W0": (H, f, f), "pre_conv": (D, 1, K),
              "conv_q": (D, 1, K), "conv_k": (D, 1, K)}
    zeros = {"pre_conv_b": (D,), "conv_q_b": (D,), "conv_k_b": (D,), "lr_b": (H, 1), "delta": (n,),
             "beta": (H, f), "b0": (H, 1, f), "post_b": (D,)}
    ones = {"pre_norm": (D,), "seq_norm": (D,), "ffn_norm": (D,), "gamma": (H, f), "post_w": (D,),
            "attn_sub": (D,), "ffn_sub": (I,)}
    t["model.embed_tokens.weight"], t["model.norm.weight"] = normal(V, D), torch.ones(D)
    for l in range(L):
        at = LAYER.format(l)
        t |= {at + NAMES[k]: normal(*s) for k, s in shapes.items()}
        t |= {at + NAMES[k]: torch.zeros(*s) for k, s in zeros.items()}
        t |= {at + NAMES[k]: torch.ones(*s) for k, s in ones.items()}
        t[at + NAMES["half_life"]] = torch.linspace(math.log(4), math.log(32), H)
    return t


def read_safetensors(path):
    kinds = {"F32": torch.float32, "F64": torch.float64, "I32": torch.int32}
    with open(path, "rb") as f:
        raw = bytearray(f.read())
    size = int.from_bytes(raw[:8], "little")
    found = {}
    for name, t in json.loads(raw[8 : 8 + size]).items():
        if name != "__metadata__":
            a, b = (8 + size + x for x in t["data_offsets"])
            data = torch.frombuffer(raw[a:b], dtype=kinds[t["dtype"]])
            found[name] = data.reshape(t["shape"])
    return found
