"""The model of docs/MODEL.md in PyTorch, written for reading, as transformers loads, runs and trains it.

Section numbers are those of MODEL.md, files those of FORMATS.md. B rows, n tokens of a call, D wide,
H heads of width F, chunks of C tokens, M the width of the first inner matrix (F, or 4F for an MLP).
"""

import json
import math
import os
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from transformers import GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.cache_utils import Cache
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast
from transformers.utils import cached_file

from .configuration_bitllama import BitLlamaConfig

# transformers 5 has renamed what a model hands from call to call.
CACHE_FIELD = "cache" if "cache" in CausalLMOutputWithPast.__dataclass_fields__ else "past_key_values"


def wide(x):
    """x in float32, or in float64 when it is that: only tables and float matrices may be narrower."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


# ---- 2. BitLinear ----


@torch.no_grad()
def ternarise(latent):
    """Codes -1, 0, 1 as float32, and their scale g, by a sum of integers that has no order."""
    latent = latent.float()
    fixed = torch.round(latent.abs().clamp(max=256).double() * 2.0**32).long()
    g = (fixed.sum().double() / 2.0**32 / latent.numel()).float().clamp(min=1e-5)
    return torch.where(2 * latent.abs() > g, latent.sign(), torch.zeros_like(latent)), g


@torch.no_grad()
def unpack(bytes_of_rows):
    """FORMATS 1.3: byte row r holds in bits 2i and 2i + 1 the code + 1 of row r + i out / 4."""
    codes = torch.cat([(bytes_of_rows >> (2 * i)) & 3 for i in range(4)])
    if bool((codes == 3).any()):
        raise ValueError("a packed matrix holds the code 3")
    return codes.float() - 1


class TernaryProduct(torch.autograd.Function):
    """y = (xi . wt^T) (g / s); backward takes the rounding for the identity."""

    @staticmethod
    def forward(ctx, x, latent, wt, g):
        top = x.float().abs().amax(-1, keepdim=True).clamp(min=1e-5)
        s = torch.full_like(top, 127) / top  # PyTorch's 127 / top is a product with 1 / top: other bits
        xi = torch.round(x.float() * s)
        ctx.save_for_backward(xi, s, wt, g)
        dot = F.linear(xi, wt)  # whole numbers below 2^24: float32 has them exactly, in any order
        return dot.to(x.dtype) * (g / s).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        xi, s, wt, g = ctx.saved_tensors
        dx = g * (dy @ wt.to(dy.dtype)) if ctx.needs_input_grad[0] else None
        dw = None
        if ctx.needs_input_grad[1]:
            dw = dy.flatten(0, -2).T @ (xi / s).to(dy.dtype).flatten(0, -2)
        return dx, dw, None, None


class BitLinear(nn.Module):
    """A matrix [out, in]: latent and rounded when it is used, packed, or float (`quantization: none`)."""

    def __init__(self, config, inputs, outputs):
        super().__init__()
        self.ternary, self.packed, self.inverse = config.ternary, config.packed, config.inverse_scales
        if not self.packed:
            self.weight = nn.Parameter(torch.empty(outputs, inputs))
        elif outputs % 4:
            raise ValueError(f"a packed matrix has a multiple of 4 rows, not {outputs}")
        else:
            self.register_buffer("weight", torch.zeros(outputs // 4, inputs, dtype=torch.uint8))
            self.register_buffer("weight_scale", torch.ones(1))
        self.made_of, self.made = None, None

    def codes(self):
        """wt and g, made anew when the weight is another, was written to or has moved."""
        weight = self.weight
        of = (id(weight), weight._version, weight.device, weight.data_ptr())
        if self.made_of != of:
            if self.packed:
                scale = self.weight_scale.float().reshape(())
                self.made = unpack(weight), 1 / scale if self.inverse else scale
            else:
                self.made = ternarise(weight)
            self.made_of = of
        return self.made

    def forward(self, x):
        if not self.ternary:
            return F.linear(x, self.weight.to(x.dtype))
        return TernaryProduct.apply(x, None if self.packed else self.weight, *self.codes())

    def __getstate__(self):  # codes are not copied or pickled
        return {**self.__dict__, "made_of": None, "made": None}


class Int8Table(nn.Module):
    """Embedding or head whose rows are s q (the end of section 2)."""

    def __init__(self, rows, width):
        super().__init__()
        self.register_buffer("weight", torch.zeros(rows, width, dtype=torch.int8))
        self.register_buffer("weight_scale", torch.ones(rows))

    def forward(self, x):
        s = self.weight_scale[:, None]
        return s[x] * self.weight[x] if not x.is_floating_point() else F.linear(x.to(s.dtype), s * self.weight)


class Table(nn.Embedding):
    """Embedding and head are one table when they are tied: ids give rows, activations give logits."""

    def forward(self, x):
        return super().forward(x) if not x.is_floating_point() else F.linear(x.to(self.weight.dtype), self.weight)


def make_table(config):
    kind = Int8Table if config.int8_tables else Table
    return kind(config.vocab_size, config.hidden_size)


# ---- 1. norms and SwiGLU ----


class RMSNorm(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(width)), eps

    def forward(self, x):
        x = wide(x)
        return x / torch.sqrt(x.square().mean(-1, keepdim=True) + self.eps) * self.weight


class LayerNorm(nn.LayerNorm):
    def forward(self, x):
        return F.layer_norm(x, x.shape[-1:], self.weight.to(x.dtype), self.bias.to(x.dtype), self.eps)


class SwiGLU(nn.Module):
    def __init__(self, config):
        super().__init__()
        wide_rows, rows = config.intermediate_size, config.hidden_size
        self.gate_proj = BitLinear(config, rows, wide_rows)
        self.up_proj = BitLinear(config, rows, wide_rows)
        self.down_proj = BitLinear(config, wide_rows, rows)
        self.ffn_sub_norm = RMSNorm(wide_rows, config.rms_norm_eps)

    def forward(self, y):
        return self.down_proj(self.ffn_sub_norm(F.silu(self.gate_proj(y)) * self.up_proj(y)))


# ---- where the tokens of a call belong ----


class Places(NamedTuple):
    """A call's tokens on a grid of whole chunks.  A row that has read t tokens goes on at slot t mod C of the
    first chunk; rows of a batch may differ in that, and in how many tokens they get.

    slot [B, n]: of each token; those of padding, which stand behind the row's own, have the slot G
    lengths [B]: tokens of each row in this call
    old, new [B, G]: slots whose keys the cache has; slots of this call
    ends [B]: the first free slot
    cos, sin [C, F / 2]: the rotations of 3.1
    """

    slot: torch.Tensor
    lengths: torch.Tensor
    old: torch.Tensor
    new: torch.Tensor
    ends: torch.Tensor
    cos: torch.Tensor
    sin: torch.Tensor

    @staticmethod
    def of(config, position, lengths, n):
        """position [B]: tokens read before; lengths [B]: to be read now, of the n of the call."""
        C, device = config.mini_batch_size, position.device
        begin = position % C
        ends = begin + lengths
        grid = -(-int(ends.max()) // C) * C
        at, token = torch.arange(grid, device=device), torch.arange(n, device=device)
        slot = torch.where(token < lengths[:, None], begin[:, None] + token, grid)
        width = config.hidden_size // config.num_attention_heads
        pairs = torch.arange(width // 2, dtype=torch.float64)
        angle = torch.arange(C, dtype=torch.float64)[:, None] * config.rope_theta ** (-2 * pairs / width)
        old = at < begin[:, None]
        new = (at < ends[:, None]) & ~old
        return Places(slot, lengths, old, new, ends, angle.cos().to(device), angle.sin().to(device))

    def onto(self, x):
        """[B, n, ...] laid onto the grid, [B, G, ...]; 0 where no token of this call is."""
        rest = x.shape[2:]
        grid = x.new_zeros(x.shape[0], self.old.shape[1] + 1, *rest)
        index = self.slot.view(*self.slot.shape, *[1] * len(rest)).expand_as(x)
        return grid.scatter(1, index, x)[:, :-1]

    def back(self, grid):
        """What stands at the slots of the call's tokens."""
        rest = grid.shape[2:]
        slot = self.slot.clamp(max=grid.shape[1] - 1)
        return grid.gather(1, slot.view(*slot.shape, *[1] * len(rest)).expand(*slot.shape, *rest))

    def on(self, device):
        return Places(*(part.to(device) for part in self))


class CausalConv(nn.Conv1d):
    """3.1: per channel, zero before the first token; `tail` [B, K - 1, D] are the inputs before these."""

    def __init__(self, config):
        super().__init__(config.hidden_size, config.hidden_size, config.conv_kernel, groups=config.hidden_size)

    def forward(self, u, tail):
        window = torch.cat([tail, u], 1).transpose(1, 2)
        return F.conv1d(window, self.weight.to(u.dtype), self.bias.to(u.dtype), groups=self.groups).transpose(1, 2)


def next_tail(tail, u, lengths):
    """The last K - 1 inputs of each row: its own tokens come first in u, padding behind them."""
    index = lengths[:, None] + torch.arange(tail.shape[1], device=u.device)
    return torch.cat([tail, u], 1).gather(1, index[..., None].expand(-1, -1, u.shape[-1]))


# ---- 3. the TTT layer ----


def standardise(z):
    """(z - mean z) / sigma, and sigma, row by row, with the biased variance."""
    sigma = torch.sqrt(z.var(-1, unbiased=False, keepdim=True) + 1e-6)
    return (z - z.mean(-1, keepdim=True)) / sigma, sigma


def gelu(a):
    return F.gelu(a, approximate="tanh")


def gelu_slope(a):
    """The exact derivative of gelu."""
    c = math.sqrt(2 / math.pi)
    t = torch.tanh(c * (a + 0.044715 * a**3))
    return (1 + t) / 2 + a / 2 * (1 - t * t) * c * (1 + 3 * 0.044715 * a * a)


def rotate(x, cos, sin):
    """Interleaved pairs of [..., F] turned by cos, sin [..., F / 2]."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1).flatten(-2)


class TTT(nn.Module):
    """Sections 3.1 to 3.7: per head a small model, trained by the text while it is read."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        D, H, C = config.hidden_size, config.num_attention_heads, config.mini_batch_size
        width = D // H
        self.mlp = config.ttt_layer_type == "mlp"
        inner = 4 * width if self.mlp else width
        self.q_proj = BitLinear(config, D, D)
        if not config.share_qk:
            self.k_proj = BitLinear(config, D, D)
        self.v_proj = BitLinear(config, D, D)
        if config.use_gate:
            self.g_proj = BitLinear(config, D, D)
        self.o_proj = BitLinear(config, D, D)
        if config.share_qk:
            self.conv_q, self.conv_k = CausalConv(config), CausalConv(config)
        self.learnable_ttt_lr_weight = nn.Parameter(torch.empty(H, 1, D))
        self.learnable_ttt_lr_bias = nn.Parameter(torch.empty(H, 1))
        self.learnable_token_idx = nn.Parameter(torch.empty(C))
        self.ttt_norm_weight = nn.Parameter(torch.empty(H, width))
        self.ttt_norm_bias = nn.Parameter(torch.empty(H, width))
        self.W1 = nn.Parameter(torch.empty(H, width, inner))
        self.b1 = nn.Parameter(torch.empty(H, 1, inner))
        if self.mlp:
            self.W2 = nn.Parameter(torch.empty(H, inner, width))
            self.b2 = nn.Parameter(torch.empty(H, 1, width))
        if config.ttt_forget:
            self.learnable_ttt_half_life = nn.Parameter(torch.empty(H))
        self.post_norm = LayerNorm(D, eps=1e-6)
        self.attn_sub_norm = RMSNorm(D, config.rms_norm_eps)

    def start(self, rows, like):
        """The state before the first token (3.4): all zero but W and b, which are the learned ones."""
        config, (H, width, inner) = self.config, self.W1.shape
        names = ("W1", "b1", "W2", "b2") if self.mlp else ("W1", "b1")
        state = {name: getattr(self, name).to(like.dtype).expand(rows, -1, -1, -1) for name in names}
        state["k"] = like.new_zeros(rows, H, config.mini_batch_size, width)
        state["h1"] = like.new_zeros(rows, H, config.mini_batch_size, inner)
        if self.mlp:
            state["h2"] = like.new_zeros(rows, H, config.mini_batch_size, width)
        if config.share_qk:
            state["tail"] = like.new_zeros(rows, config.conv_kernel - 1, config.hidden_size)
        return state

    def views(self, X, places, state):
        """3.1: q, k, v [B, G, H, F], not yet rotated, and lambda [B, G, H], on the grid."""
        config, (H, width, _) = self.config, self.W1.shape
        q = k = self.q_proj(X)
        if config.share_qk:
            tail, u = state["tail"], q
            q, k = self.conv_q(u, tail), self.conv_k(u, tail)
            state["tail"] = next_tail(tail, u, places.lengths)
        else:
            k = self.k_proj(X)
        v = self.v_proj(X)
        logit = F.linear(X, self.learnable_ttt_lr_weight[:, 0].to(X.dtype), self.learnable_ttt_lr_bias[:, 0].to(X.dtype))
        lam = config.ttt_base_lr * torch.sigmoid(logit) / width
        return *(places.onto(x.unflatten(-1, (H, width))) for x in (q, k, v)), places.onto(lam)

    def inner_gradient(self, z, target):
        """G of 3.2: the derivative of 1/2 |gamma LN(z) + beta - target|^2 by z."""
        gamma, beta = self.ttt_norm_weight[:, None], self.ttt_norm_bias[:, None]
        xh, sigma = standardise(z)
        a = gamma * (gamma * xh + beta - target)
        return (a - a.mean(-1, keepdim=True) - xh * (a * xh).mean(-1, keepdim=True)) / sigma

    def kept(self, name, now):
        """3.7: what is left of a state at the end of a full chunk, before its update."""
        if not self.config.ttt_forget:
            return now
        half_life = self.learnable_ttt_half_life.double().exp().clamp(min=1)
        rho = torch.exp2(-1 / half_life).to(now.dtype)[:, None, None]
        start = getattr(self, name).to(now.dtype)
        return start + rho * (now - start)

    def chunk(self, state, q, k, v, lam, tau, old, new):
        """3.2 and 3.6 in the form of 3.4: o [B, H, C, F], k and h of all that the chunk holds now, and what
        its state becomes once it is full.  old and new [B, 1, C, 1] are as in Places."""

        def read(x, name, keys, h):  # x W + b - tau sum_j (x . key_j + 1) h_j
            return x @ state["W" + name] + state["b" + name] - tau * ((x @ keys.mT + 1).tril() @ h)

        def learn(name, keys, h):
            W, b = self.kept("W" + name, state["W" + name]), self.kept("b" + name, state["b" + name])
            after["W" + name] = W - tau[-1] * keys.mT @ h
            after["b" + name] = b - tau[-1] * h.sum(-2, keepdim=True)

        after = {}
        k = torch.where(old, state["k"], k)
        z = z1 = k @ state["W1"] + state["b1"]
        if self.mlp:
            x2 = gelu(z1)
            z = x2 @ state["W2"] + state["b2"]
        G = self.inner_gradient(z, v - k)
        if self.mlp:
            h2 = torch.where(old, state["h2"], lam * new * G)
            G = G @ state["W2"].mT * gelu_slope(z1)
        h1 = torch.where(old, state["h1"], lam * new * G)
        zb = read(q, "1", k, h1)
        learn("1", k, h1)
        held = {"k": k, "h1": h1}
        if self.mlp:
            zb = read(gelu(zb), "2", x2, h2)
            learn("2", x2, h2)
            held["h2"] = h2
        o = q + self.ttt_norm_weight[:, None] * standardise(zb)[0] + self.ttt_norm_bias[:, None]
        return o, held, after

    def mix(self, views, places, state):
        """All chunks of a call in turn: o [B, G, D]; state moves on."""
        C = self.config.mini_batch_size
        q, k, v, lam = views
        cos, sin = (part.to(q.dtype) for part in (places.cos, places.sin))
        index = torch.arange(1, C + 1, device=q.device, dtype=q.dtype)
        tau = (1 / index + self.learnable_token_idx).clamp(min=0)[:, None]
        parts, partial = [], {name: torch.zeros_like(state[name]) for name in ("k", "h1", "h2") if name in state}
        for first in range(0, q.shape[1], C):
            cut = slice(first, first + C)
            heads = [x[:, cut].transpose(1, 2) for x in (q, k, v)]  # [B, H, C, F]
            heads[0], heads[1] = rotate(heads[0], cos, sin), rotate(heads[1], cos, sin)
            old, new = (x[:, None, cut, None] for x in (places.old, places.new))
            o, held, after = self.chunk(state, *heads, lam[:, cut].transpose(1, 2)[..., None], tau, old, new)
            parts.append(o.transpose(1, 2).flatten(-2))
            ends = places.ends[:, None, None, None] - first
            for name, full in after.items():
                state[name] = torch.where(ends >= C, full, state[name])
            for name, rows in held.items():
                partial[name] = torch.where((ends > 0) & (ends < C), rows, partial[name])
        state.update(partial)
        return torch.cat(parts, 1)

    def forward(self, X, places, state):
        """X [B, n, D]: what 3.3 adds to the residual stream; state, at first empty, moves on."""
        if "W1" not in state:
            state.update(self.start(len(X), X))
        o = places.back(self.mix(self.views(X, places, state), places, state))
        y = self.post_norm(o)
        if self.config.use_gate:
            y = gelu(self.g_proj(X)) * y
        return self.o_proj(self.attn_sub_norm(y))


class PreConv(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.conv = CausalConv(config)


class BitLlamaLayer(GradientCheckpointingLayer):
    """Section 1.  With gradient checkpointing a step keeps the inputs of each layer, and computes it again for
    its gradients."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        if config.pre_conv:
            self.conv = PreConv(config)
        self.seq_norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.seq_modeling_block = TTT(config)
        self.ffn_norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.mlp = SwiGLU(config)

    def forward(self, x, places, state=None):
        """x [B, n, D] and the state behind it; no state: the sequence begins."""
        places = places.on(x.device)
        state = {name: part.to(x.device) for name, part in (state or {}).items()}
        if self.config.pre_conv:
            u, tail = self.conv.norm(x), state.get("pre_tail")
            if tail is None:
                tail = x.new_zeros(len(x), self.config.conv_kernel - 1, x.shape[-1])
            x = x + self.conv.conv(u, tail)
            state["pre_tail"] = next_tail(tail, u, places.lengths)
        x = x + self.seq_modeling_block(self.seq_norm(x), places, state)
        return x + self.mlp(self.ffn_norm(x)), state


def loses_states(layer):
    """Reentrant checkpoints hand gradients to tensors alone, and a state is a dict of them."""
    how = getattr(layer, "_gradient_checkpointing_func", None)
    return layer.gradient_checkpointing and getattr(how, "keywords", {}).get("use_reentrant", True)


# ---- what a sequence remembers ----


class BitLlamaCache(Cache):
    """The state of 3.4 of a batch: constant in size, whatever has been read.

    `layers` has a dict of tensors a layer, named as in memory files (FORMATS 8), rows first; `position`
    [B] counts the tokens that each row has read, `columns` those of the batch with padding. A fork is
    `copy.deepcopy(cache)`. It cannot be cut back: tokens that were read have changed the weights.
    """

    is_compileable = False
    is_croppable = False

    def __init__(self):
        self.layers, self.position, self.columns = [], None, 0

    @property
    def is_linear(self):
        return [True] * len(self.layers)

    @property
    def is_initialized(self):
        return self.position is not None

    def get_seq_length(self, layer_idx=0):
        return self.columns

    def get_max_cache_shape(self, layer_idx=0):
        return -1

    def crop(self, max_length):
        raise NotImplementedError(
            "a Bit-Llama cache cannot be cropped: what was read is part of the fast weights; "
            "copy.deepcopy() the cache before the tokens that may be taken back"
        )

    def reset(self):
        self.__init__()

    def batch_select_indices(self, indices):
        """Rows of the batch in another order, some of them twice, others not at all."""
        if self.position is not None:
            self.position = self.position.index_select(0, indices.to(self.position.device))
            self.layers = [
                {name: part.index_select(0, indices.to(part.device)) for name, part in layer.items()} for layer in self.layers
            ]

    reorder_cache = batch_select_indices

    def batch_repeat_interleave(self, repeats):
        if self.position is not None:
            self.batch_select_indices(torch.arange(len(self.position)).repeat_interleave(repeats))


# ---- the model as transformers knows it ----

FLOAT32_ALWAYS = [  # in a float16 or bfloat16 model too: all that `export --dtype` leaves in float32
    "norm", "seq_norm", "ffn_norm", "ffn_sub_norm", "attn_sub_norm", "post_norm", "conv", "conv_q", "conv_k", "W1", "b1",
    "W2", "b2", "learnable_ttt_lr_weight", "learnable_ttt_lr_bias", "learnable_token_idx", "learnable_ttt_half_life",
    "ttt_norm_weight", "ttt_norm_bias", "weight_scale",
]  # fmt: skip
LATENT = ["q_proj", "k_proj", "v_proj", "g_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def stored_as_int8(folder, hub):
    """Whether the embedding of a model's weights has rows of int8: config.json does not tell."""
    from safetensors import safe_open

    def found(file):
        return cached_file(folder, file, _raise_exceptions_for_missing_entries=False, **hub) if file else None

    name, path = "model.embed_tokens.weight", found("model.safetensors")
    if path is None and (index := found("model.safetensors.index.json")):
        with open(index, encoding="utf-8") as file:
            path = found(json.load(file)["weight_map"].get(name))
    if path is None:
        return False
    with safe_open(path, framework="pt") as file:
        return name in file.keys() and file.get_slice(name).get_dtype() == "I8"


class BitLlamaPreTrainedModel(PreTrainedModel):
    config_class = BitLlamaConfig
    base_model_prefix = "model"
    _no_split_modules = ["BitLlamaLayer"]
    _skip_keys_device_placement = ["past_key_values", "cache"]
    _is_stateful = True
    supports_gradient_checkpointing = True

    def __init__(self, config, *args, **kwargs):
        super().__init__(config, *args, **kwargs)
        latent = config.ternary and not config.packed
        self._keep_in_fp32_modules_strict = FLOAT32_ALWAYS + (LATENT if latent else [])

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path, *args, config=None, **kwargs):
        """As everywhere in transformers; looks into the weights first, for the type of embedding and head."""
        names = ("cache_dir", "force_download", "local_files_only", "token", "revision", "subfolder")
        hub = {name: kwargs[name] for name in names if kwargs.get(name) is not None}
        folder = pretrained_model_name_or_path
        if not isinstance(config, PretrainedConfig):
            config = cls.config_class.from_pretrained(folder if config is None else config, **hub)
        if config.packed and folder is not None:
            config.int8_tables = stored_as_int8(os.fspath(folder), hub)
        return super().from_pretrained(folder, *args, config=config, **kwargs)

    @torch.no_grad()
    def _init_weights(self, module):
        """Section 4, but from PyTorch's random numbers: another model than `train --seed` begins with."""
        config, normal, constant = self.config, nn.init.normal_, nn.init.constant_
        if isinstance(module, (BitLinear, Table)) and module.weight.is_floating_point():
            normal(module.weight, 0, config.initializer_range)
        elif isinstance(module, CausalConv):
            usual = 0.8 * math.sqrt(256 / max(config.hidden_size, 256))
            normal(module.weight, 0, config.conv_initializer_range or usual)
            constant(module.bias, 0)
        elif isinstance(module, (RMSNorm, nn.LayerNorm)):
            constant(module.weight, 1)
            if isinstance(module, nn.LayerNorm):
                constant(module.bias, 0)
        elif isinstance(module, TTT):
            for name, parameter in module.named_parameters(recurse=False):
                if name in ("W1", "W2", "learnable_ttt_lr_weight"):
                    normal(parameter, 0, config.initializer_range)
                elif name != "learnable_ttt_half_life":
                    constant(parameter, 1 if name == "ttt_norm_weight" else 0)
            if config.ttt_forget:
                self._spread_half_lives(module.learnable_ttt_half_life)

    def _spread_half_lives(self, a):
        """3.7: geometrically over the heads, in chunks, their logarithm."""
        C = self.config.mini_batch_size
        least = self.config.ttt_half_life_min or 4 * C
        most = self.config.ttt_half_life_max or 4 * 512
        for h in range(len(a)):
            share = h / (len(a) - 1) if len(a) > 1 else 0.5
            nn.init.constant_(a[h : h + 1], math.log(max(least ** (1 - share) * most**share / C, 1)))


class BitLlamaModel(BitLlamaPreTrainedModel):
    """Embedding, layers and the last norm."""

    def __init__(self, config):
        super().__init__(config)
        self.embed_tokens = make_table(config)
        self.layers = nn.ModuleList(BitLlamaLayer(config) for _ in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_init()

    def get_input_embeddings(self):
        return self.embed_tokens

    def set_input_embeddings(self, value):
        self.embed_tokens = value

    def forward(
        self,
        input_ids=None,
        attention_mask=None,
        inputs_embeds=None,
        cache=None,
        past_key_values=None,
        use_cache=None,
        output_hidden_states=None,
        return_dict=None,
        **kwargs,
    ):
        """attention_mask [B, n] or [B, tokens before and n]: where it is 0, the row reads nothing."""
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("either input_ids or inputs_embeds")
        cache = past_key_values if cache is None else cache
        if cache is not None and not isinstance(cache, BitLlamaCache):
            raise ValueError(f"a Bit-Llama model remembers in a BitLlamaCache, not in a {type(cache).__name__}")
        if use_cache is None:
            use_cache = self.config.use_cache and not self.training
        if cache is None and use_cache:
            cache = BitLlamaCache()
        x = self.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
        with torch.autocast(x.device.type, enabled=False):
            x, hidden = self._run(wide(x), attention_mask, cache, output_hidden_states)
        if return_dict is False:
            return tuple(part for part in (x, cache, hidden) if part is not None)
        return BaseModelOutputWithPast(last_hidden_state=x, hidden_states=hidden, **{CACHE_FIELD: cache})

    def _run(self, x, mask, cache, keep_hidden):
        B, n = x.shape[:2]
        lengths = torch.full((B,), n, device=x.device)
        back = None
        if mask is not None and not bool(mask[:, -n:].all()):
            reads = mask[:, -n:].to(x.device).bool()
            lengths = reads.sum(1)
            order = torch.argsort((~reads).int(), dim=1, stable=True)  # the row's own tokens first, in their order
            back = torch.argsort(order, dim=1)[..., None]
            x = x.gather(1, order[..., None].expand_as(x))
        as_given = (lambda y: y) if back is None else (lambda y: y.gather(1, back.to(y.device).expand_as(y)))
        position = torch.zeros_like(lengths)
        if cache is not None and cache.position is not None:
            if len(cache.position) != B:
                raise ValueError(f"the cache is of {len(cache.position)} rows, the input of {B}")
            position = cache.position.to(x.device)
            if self.training and torch.is_grad_enabled() and any(map(loses_states, self.layers)):
                raise ValueError("with a cache, gradient checkpointing wants {'use_reentrant': False}: else no gradient goes through it")
        places = Places.of(self.config, position, lengths, n)
        hidden = [as_given(x)] if keep_hidden else None
        states = []
        for i, layer in enumerate(self.layers):
            x, state = layer(x, places, cache.layers[i] if cache is not None and cache.layers else None)
            states.append(state)
            if keep_hidden:
                hidden.append(as_given(x))
        if cache is not None:
            cache.layers, cache.position, cache.columns = states, position + lengths, cache.columns + n
        return as_given(self.norm(x)), tuple(hidden) if keep_hidden else None


class BitLlamaForCausalLM(BitLlamaPreTrainedModel, GenerationMixin):
    def __init__(self, config):
        super().__init__(config)
        self.model = BitLlamaModel(config)
        if not config.tie_word_embeddings:
            self.lm_head = make_table(config)
        self.post_init()

    def get_input_embeddings(self):
        return self.model.embed_tokens

    def set_input_embeddings(self, value):
        self.model.embed_tokens = value

    def get_output_embeddings(self):
        return None if self.config.tie_word_embeddings else self.lm_head

    def set_output_embeddings(self, value):
        self.lm_head = value

    def forward(
        self,
        input_ids=None,
        attention_mask=None,
        inputs_embeds=None,
        labels=None,
        cache=None,
        past_key_values=None,
        use_cache=None,
        output_hidden_states=None,
        return_dict=None,
        logits_to_keep=0,
        **kwargs,
    ):
        """Logits [B, n, V]; with labels (-100 where none counts) the mean loss of the next token too."""
        out = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            inputs_embeds=inputs_embeds,
            cache=cache,
            past_key_values=past_key_values,
            use_cache=use_cache,
            output_hidden_states=output_hidden_states,
        )
        x = out.last_hidden_state
        x = x[:, -logits_to_keep:] if isinstance(logits_to_keep, int) else x[:, logits_to_keep]
        head = self.model.embed_tokens if self.config.tie_word_embeddings else self.lm_head
        with torch.autocast(x.device.type, enabled=False):
            logits = head(x)
        loss = None
        if labels is not None:
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=self.config.vocab_size, **kwargs)
        cache = out[CACHE_FIELD] if CACHE_FIELD in out else None
        if return_dict is False:
            return tuple(part for part in (loss, logits, cache, out.hidden_states) if part is not None)
        return CausalLMOutputWithPast(loss=loss, logits=logits, hidden_states=out.hidden_states, **{CACHE_FIELD: cache})

    @classmethod
    def _supports_default_dynamic_cache(cls):
        return False  # forward makes the cache: transformers' own hold keys and values

    def prepare_inputs_for_generation(
        self, input_ids, attention_mask=None, inputs_embeds=None, cache=None, past_key_values=None, use_cache=None, **kwargs
    ):
        """The tokens that the cache has not read yet; inputs_embeds stand for all of the first call."""
        cache = past_key_values if cache is None else cache
        inputs = {"attention_mask": attention_mask, CACHE_FIELD: cache, "use_cache": use_cache}
        read = 0 if cache is None else cache.get_seq_length()
        if "logits_to_keep" in kwargs:
            inputs["logits_to_keep"] = kwargs["logits_to_keep"]
        if inputs_embeds is not None and not read:
            return {"inputs_embeds": inputs_embeds, **inputs}
        left = (input_ids.shape[1] if attention_mask is None else attention_mask.shape[1]) - read
        if not 0 < left <= input_ids.shape[1]:
            raise ValueError(f"the cache has read {read} tokens, and the input has no more: pass all of the text, or its mask")
        return {"input_ids": input_ids[:, -left:], **inputs}


__all__ = ["BitLlamaCache", "BitLlamaForCausalLM", "BitLlamaModel", "BitLlamaPreTrainedModel"]
