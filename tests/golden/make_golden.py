"""Makes the fixtures in data/: python3 make_golden.py (needs torch and safetensors).

Inputs are float32; results are float64, computed by equations.py (the whole model's gradients are
rounded to float32, for size). Where activations are rounded, the
random seed is the first one that keeps all of them MARGIN away from a rounding tie, so that float32
backends make the same integers.
"""
import pathlib

import numpy as np
import torch
from safetensors.torch import save_file

import equations as eq

HERE = pathlib.Path(__file__).parent
MARGIN = 3e-4
LOSS_SCALE = float(np.float32(1 / 20))  # of the model: 1 / (B T) as a float32 argument

torch.set_default_dtype(torch.float32)


def write(name, tensors):
    path = HERE / "data" / f"{name}.safetensors"
    save_file({key: value.detach().contiguous().clone() for key, value in tensors.items()}, path)
    print(f"{path.name:30} {len(tensors):4} tensors {path.stat().st_size:8} bytes")


class Random:
    """Float32 values, as float64 so that results are exact."""

    def __init__(self, seed):
        self.source = np.random.default_rng(seed)

    def normal(self, *shape, mean=0.0, std=1.0):
        values = mean + std * self.source.standard_normal(shape)
        return torch.tensor(values.astype(np.float32)).double()

    def ids(self, *shape, below):
        return torch.tensor(self.source.integers(0, below, shape))


def first_without_ties(make):
    """The first seed whose run keeps its distance from rounding ties."""
    for seed in range(10000):
        eq.Ties.nearest = 1.0
        result = make(seed)
        if eq.Ties.nearest >= MARGIN:
            return result
    raise RuntimeError("no seed without a tie")


def with_gradients(tensors, loss):
    """Gradients of loss(tensors) by name."""
    leaves = {key: value.detach().clone().requires_grad_() for key, value in tensors.items()}
    total, outputs = loss(leaves)
    gradients = torch.autograd.grad(total, list(leaves.values()))
    return dict(zip(leaves, gradients)), outputs


def ttt_parameters(r, D, H, n, K, prefix=""):
    f = D // H
    p = {f"{name}_proj.weight": r.normal(D, D, std=0.3) for name in "qvgo"}
    for name in ("conv_q", "conv_k"):
        p[f"{name}.weight"] = r.normal(D, 1, K, std=0.4)
        p[f"{name}.bias"] = r.normal(D, std=0.1)
    p["learnable_ttt_lr_weight"] = r.normal(H, 1, D, std=0.2)
    p["learnable_ttt_lr_bias"] = r.normal(H, 1, std=0.3)
    p["learnable_token_idx"] = r.normal(n, std=0.03)
    p["ttt_norm_weight"] = r.normal(H, f, mean=1, std=0.2)
    p["ttt_norm_bias"] = r.normal(H, f, std=0.2)
    p["W1"] = r.normal(H, f, f, std=0.2)
    p["b1"] = r.normal(H, 1, f, std=0.2)
    p["post_norm.weight"] = r.normal(D, mean=1, std=0.2)
    p["post_norm.bias"] = r.normal(D, std=0.2)
    p["attn_sub_norm.weight"] = r.normal(D, mean=1, std=0.2)
    return {prefix + key: value for key, value in p.items()}


def mlp_parameters(r, D, I, prefix=""):
    p = {
        "gate_proj.weight": r.normal(I, D, std=0.3),
        "up_proj.weight": r.normal(I, D, std=0.3),
        "down_proj.weight": r.normal(D, I, std=0.3),
        "ffn_sub_norm.weight": r.normal(I, mean=1, std=0.2),
    }
    return {prefix + key: value for key, value in p.items()}


# ---- (a) BitLinear: integers, values and straight-through gradients


def bitlinear_fixture():
    r = Random(1)
    N, out, width = 6, 9, 24
    x, W, dy = r.normal(N, width), r.normal(out, width, std=0.05), r.normal(N, out)
    x[1] = 0  # s = 127 / 1e-5
    x[2] *= 1e-7  # below the smallest maximum
    x[3, 0] = 127.0  # s = 1: the next ones are exact ties, rounded to even
    x[3, 1:9] = torch.tensor([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 126.5, -126.5])
    x[4] *= 1e4
    tie = torch.tensor([0.25, -0.25, 0.75, -0.75]).double().repeat(out, width // 4)  # g = 0.5 = 2|W|
    cases = {
        "": W,
        "tie.": tie,
        "zero.": torch.zeros_like(W),
        "huge.": r.normal(out, width, std=400.0),
    }
    tensors = {"x": x.float(), "dy": dy}
    for case, weight in cases.items():
        grads, y = with_gradients(
            {"x": x, "W": weight},
            lambda p: (lambda y: ((y * dy).sum(), y))(eq.bitlinear(p["x"], p["W"], True)),
        )
        xi, s = eq.quantise(x)
        Wt, g = eq.ternarise(weight)
        tensors[case + "W"] = weight.float()
        tensors[case + "y"] = y
        tensors[case + "y32"] = (xi @ Wt.T) * (g / s)  # float32: to be met to the bit
        tensors[case + "dx"] = grads["x"]
        tensors[case + "dW"] = grads["W"]
    write("bitlinear", tensors)


# ---- (d) the TTT scan alone, for both of its forms


def ttt_fixture():
    tensors = {}
    for case, B, T, H, f, n in (("a.", 2, 11, 2, 8, 4), ("b.", 1, 21, 1, 16, 5), ("c.", 1, 3, 1, 8, 16)):
        r = Random(2)
        p = {
            "q": r.normal(B, T, H, f, std=0.5),
            "k": r.normal(B, T, H, f, std=0.5),
            "v": r.normal(B, T, H, f, std=0.7),
            "lambda": r.normal(B, T, H, mean=0.06, std=0.01),
            "W0": r.normal(H, f, f, std=0.3),
            "b0": r.normal(H, f, std=0.3),
            "gamma": r.normal(H, f, mean=1, std=0.2),
            "beta": r.normal(H, f, std=0.2),
            "delta": r.normal(n, std=0.03),
        }
        if case == "b.":
            p["delta"][2] = -2  # tau = max(1/t + delta, 0) = 0
        do = r.normal(B, T, H, f)

        def loss(p):
            o, W, b = eq.ttt(p["q"], p["k"], p["v"], p["lambda"], p["delta"], p["W0"], p["b0"],
                             p["gamma"], p["beta"])
            return (o * do).sum(), (o, W, b)

        grads, (o, W, b) = with_gradients(p, loss)
        tensors |= {case + key: value.float() for key, value in p.items()}
        tensors |= {case + "grad." + key: value for key, value in grads.items()}
        tensors |= {case + "do": do.float(), case + "o": o, case + "W": W, case + "b": b}
    write("ttt", tensors)


# ---- (b) the TTT layer and (c) the SwiGLU block, both after their RMSNorm


def block_fixture(name, parameters, run):
    def make(seed):
        r = Random(seed)
        p = parameters(r)
        tensors = {key: value.float() for key, value in p.items()}
        for T in (8, 11):
            x, dout = r.normal(2, T, 16), r.normal(2, T, 16)
            tensors |= {f"{T}.x": x.float(), f"{T}.dout": dout.float()}
            for quantization in ("none", "ternary"):
                def loss(leaves):
                    X = eq.rms_norm(leaves["x"], leaves["norm.weight"])
                    out = run(X, leaves, quantization == "ternary")
                    return (out * dout).sum(), out

                grads, out = with_gradients(p | {"x": x}, loss)
                at = f"{T}.{quantization}."
                tensors |= {at + "grad." + key: value for key, value in grads.items()}
                tensors[at + "out"] = out
        return tensors

    write(name, first_without_ties(make))


# ---- (e) a whole model


def model_parameters(r, V, D, H, L, I, n, K):
    p = {"model.embed_tokens.weight": r.normal(V, D, std=0.7)}
    for layer in range(L):
        at = f"model.layers.{layer}."
        p[at + "seq_norm.weight"] = r.normal(D, mean=1, std=0.2)
        p |= ttt_parameters(r, D, H, n, K, at + "seq_modeling_block.")
        p[at + "ffn_norm.weight"] = r.normal(D, mean=1, std=0.2)
        p |= mlp_parameters(r, D, I, at + "mlp.")
    p["model.norm.weight"] = r.normal(D, mean=1, std=0.2)
    return p


def model_fixture():
    V, D, H, L, I, n, K, T, B = 64, 32, 2, 2, 48, 4, 4, 10, 2

    def make(seed):
        r = Random(seed)
        p = model_parameters(r, V, D, H, L, I, n, K)
        ids, targets = r.ids(B, T, below=V), r.ids(B, T, below=V)
        eq.model(ids, p, L, H, True)
        return p, ids, targets

    p, ids, targets = first_without_ties(make)
    write("model", {key: value.float() for key, value in p.items()})
    for quantization in ("none", "ternary"):

        def loss(leaves):
            logits = eq.model(ids, leaves, L, H, quantization == "ternary")
            each = eq.cross_entropy(logits, targets)
            return LOSS_SCALE * each.sum(), (logits, each)

        grads, (logits, each) = with_gradients(p, loss)
        tensors = {"grad." + key: value.float() for key, value in grads.items()}
        tensors |= {"ids": ids.int(), "targets": targets.int(), "logits": logits, "losses": each,
                    "loss": each.mean()[None]}
        write("model_" + quantization, tensors)


# ---- AdamW and dropout


def optim_fixture():
    r = Random(6)
    f32 = lambda x: float(np.float32(x))
    p = r.normal(37).requires_grad_()
    tensors = {"p": p.float()}
    lr, betas, eps, decay, clip = f32(3e-3), (f32(0.9), f32(0.95)), f32(1e-8), f32(0.1), f32(1.0)
    for name, weight_decay in (("decay", decay), ("plain", 0.0)):
        q = p.detach().clone().requires_grad_()
        adam = torch.optim.AdamW([q], lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)
        for step in range(1, 4):
            g = r.normal(37, std=0.1 * step) if name == "decay" else tensors[f"g{step}"].double()
            tensors[f"g{step}"] = g.float()
            norm = g.norm()
            q.grad = g * (clip / max(norm.item(), clip))
            adam.step()
            tensors[f"{name}.p{step}"] = q.detach().clone()
            tensors[f"norm{step}"] = norm[None]
    seed, site, step, micro, rate = 0x123456789ABCDEF, 5, 70000, 3, f32(0.3)
    x = r.normal(50)
    keep = [
        eq.philox(seed, (2 << 32) + site, ((((step << 16) + micro) << 32) + i // 4) % 2**64)[i % 4]
        >= rate * 2.0**32
        for i in range(50)
    ]
    tensors |= {"dropout.x": x.float(), "dropout.y": x * torch.tensor(keep) / (1 - rate)}
    write("optim", tensors)


if __name__ == "__main__":
    bitlinear_fixture()
    ttt_fixture()
    block_fixture(
        "layer",
        lambda r: ttt_parameters(r, 16, 2, 4, 4) | {"norm.weight": r.normal(16, mean=1, std=0.2)},
        lambda X, p, ternary: eq.ttt_layer(X, p, "", 2, ternary),
    )
    block_fixture(
        "swiglu",
        lambda r: mlp_parameters(r, 16, 24) | {"norm.weight": r.normal(16, mean=1, std=0.2)},
        lambda X, p, ternary: eq.swiglu(X, p, "", ternary),
    )
    model_fixture()
    optim_fixture()
