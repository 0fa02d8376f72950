"""docs/MODEL.md's equations in PyTorch, as they read there; autograd makes every gradient.

Only the forward pass is written down. The inner gradient G of the TTT layer is itself taken by
autograd from the inner loss, and tokens are read one by one through W_t, so neither the closed form
of G nor the dual form of MODEL 3.2 appears here: both are what the fixtures test.
"""
import math

import numpy as np
import torch
from torch.nn.functional import pad

EPS = float(np.float32(1e-6))  # RMSNorm's, a float32 argument of the ops
LN_EPS = 1e-6


def rms_norm(x, w):
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + EPS) * w


def layer_norm(x):
    centred = x - x.mean(-1, keepdim=True)
    return centred / torch.sqrt((centred * centred).mean(-1, keepdim=True) + LN_EPS)


def gelu_tanh(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def silu(x):
    return x / (1 + torch.exp(-x))


class Ties:
    """The distance of any activation from a rounding tie, in units of one int8 step."""

    nearest = 1.0

    @classmethod
    def see(cls, scaled):
        part = scaled - torch.floor(scaled)
        cls.nearest = min(cls.nearest, (part - 0.5).abs().min().item())


def quantise(x):
    """xi and s of MODEL 2, in float32 to the letter."""
    x = x.detach().float()
    s = torch.tensor(127.0) / x.abs().amax(-1, keepdim=True).clamp_min(1e-5)
    Ties.see(x * s)
    return torch.round(x * s), s


def ternarise(W):
    """Wt and g of MODEL 2: the mean in fixed point, the comparison in float32."""
    W = W.detach().float()
    S = int(torch.round(W.abs().clamp_max(256.0).double() * 2.0**32).to(torch.int64).sum())
    g = torch.tensor(np.float32(np.float64(S) * 2.0**-32 / W.numel())).clamp_min(1e-5)
    return torch.where(2 * W.abs() > g, torch.sign(W), torch.zeros(())), g


def bitlinear(x, W, ternary):
    """y = (xi . Wt^T)(g / s), differentiated as (xi / s)(g Wt)^T with xi / s ~ x and g Wt ~ W."""
    if not ternary:
        return x @ W.T
    xi, s = quantise(x)
    Wt, g = ternarise(W)
    x_ste = x + ((xi.to(x) / s.to(x)) - x).detach()
    W_ste = W + ((g.to(W) * Wt.to(W)) - W).detach()
    y_ste = x_ste @ W_ste.T
    y = (xi.to(x) @ Wt.to(x).T) * (g / s).to(x)
    return y_ste + (y - y_ste).detach()


def conv(u, w, bias):
    """y[t,c] = bias[c] + sum_j w[c,K-1-j] u[t-j,c];  u [B,T,D], w [D,1,K]."""
    T, K = u.shape[1], w.shape[-1]
    past = pad(u, (0, 0, K - 1, 0))
    return bias + sum(w[:, 0, K - 1 - j] * past[:, K - 1 - j : K - 1 - j + T] for j in range(K))


def rope(x, n, theta):
    """Interleaved pairs of x [B,T,H,f] turned by (t mod n) theta^(-2i/f)."""
    T, f = x.shape[1], x.shape[-1]
    t = (torch.arange(T) % n).to(x)
    angle = t[:, None] * theta ** (-2.0 * torch.arange(f // 2).to(x) / f)
    cos, sin = torch.cos(angle)[None, :, None], torch.sin(angle)[None, :, None]
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


def ttt(q, k, v, lam, delta, W0, b0, gamma, beta, theta=10000.0):
    """MODEL 3.2 token by token.  q, k (not rotated), v [B,T,H,f], lam [B,T,H], W0 [H,f,f], the rest
    [H,f]; returns o and the final W, b."""
    B, T, H, f = q.shape
    n = delta.numel()
    tau = torch.clamp(1 / torch.arange(1, n + 1).to(q) + delta, min=0)
    q, k = rope(q, n, theta), rope(k, n, theta)
    W, b = W0.expand(B, H, f, f), b0.expand(B, H, f)
    out = []
    for t0 in range(0, T, n):
        K, V, L = k[:, t0 : t0 + n], v[:, t0 : t0 + n], lam[:, t0 : t0 + n]
        # G = d/dZ of 1/2 |gamma LN(Z) + beta - (V - K)|^2 at the chunk's starting W, b
        Z = torch.einsum("bthi,bhij->bthj", K, W) + b[:, None]
        Z = Z if Z.requires_grad else Z.requires_grad_()
        error = gamma * layer_norm(Z) + beta - (V - K)
        (G,) = torch.autograd.grad((error * error).sum() / 2, Z, create_graph=True)
        W_t, b_t = W, b
        dW, db = torch.zeros_like(W), torch.zeros_like(b)
        for j in range(K.shape[1]):
            # W_t = W - tau[t] sum_{s<=t} lambda_s k_s^T G_s
            dW = dW + L[:, j, :, None, None] * K[:, j, :, :, None] * G[:, j, :, None, :]
            db = db + L[:, j, :, None] * G[:, j]
            W_t, b_t = W - tau[j] * dW, b - tau[j] * db
            q_t = q[:, t0 + j]
            zb = torch.einsum("bhi,bhij->bhj", q_t, W_t) + b_t
            out.append(q_t + gamma * layer_norm(zb) + beta)
        if K.shape[1] == n:
            W, b = W_t, b_t
    return torch.stack(out, 1), W, b


def ttt_layer(X, p, prefix, H, ternary, base_lr=1.0):
    """MODEL 3: X = RMSNorm(x) [B,T,D] to the layer's output, with share_qk and the gate."""
    get = lambda key: p[prefix + key]
    B, T, D = X.shape
    f = D // H
    heads = lambda y: y.reshape(B, T, H, f)
    u = bitlinear(X, get("q_proj.weight"), ternary)
    q = conv(u, get("conv_q.weight"), get("conv_q.bias"))
    k = conv(u, get("conv_k.weight"), get("conv_k.bias"))
    v = bitlinear(X, get("v_proj.weight"), ternary)
    z = bitlinear(X, get("g_proj.weight"), ternary)
    logit = X @ get("learnable_ttt_lr_weight")[:, 0].T + get("learnable_ttt_lr_bias")[:, 0]
    lam = base_lr / f / (1 + torch.exp(-logit))
    o, _, _ = ttt(heads(q), heads(k), heads(v), lam, get("learnable_token_idx"), get("W1"),
                  get("b1")[:, 0], get("ttt_norm_weight"), get("ttt_norm_bias"))
    y = layer_norm(o.reshape(B, T, D)) * get("post_norm.weight") + get("post_norm.bias")
    y = gelu_tanh(z) * y
    return bitlinear(rms_norm(y, get("attn_sub_norm.weight")), get("o_proj.weight"), ternary)


def swiglu(h, p, prefix, ternary):
    gate = bitlinear(h, p[prefix + "gate_proj.weight"], ternary)
    up = bitlinear(h, p[prefix + "up_proj.weight"], ternary)
    y = rms_norm(silu(gate) * up, p[prefix + "ffn_sub_norm.weight"])
    return bitlinear(y, p[prefix + "down_proj.weight"], ternary)


def model(ids, p, L, H, ternary):
    """MODEL 1: logits [B,T,V]."""
    E = p["model.embed_tokens.weight"]
    x = E[ids]
    for layer in range(L):
        at = f"model.layers.{layer}."
        X = rms_norm(x, p[at + "seq_norm.weight"])
        x = x + ttt_layer(X, p, at + "seq_modeling_block.", H, ternary)
        x = x + swiglu(rms_norm(x, p[at + "ffn_norm.weight"]), p, at + "mlp.", ternary)
    return rms_norm(x, p["model.norm.weight"]) @ E.T


def cross_entropy(logits, targets):
    """-log softmax(logits)[target], [B,T]."""
    lse = torch.logsumexp(logits, -1)
    return lse - logits.gather(-1, targets[..., None])[..., 0]


def philox(seed, stream, index):
    """Philox4x32-10: four 32-bit draws of (seed, stream, index)."""
    mask = 0xFFFFFFFF
    k = [seed & mask, seed >> 32]
    c = [index & mask, index >> 32, stream & mask, stream >> 32]
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & mask, (a >> 32) ^ c[3] ^ k[1], a & mask]
        k = [(k[0] + 0x9E3779B9) & mask, (k[1] + 0xBB67AE85) & mask]
    return c
