"""Small random models that cover every variant, for the comparison with float64 in logits_f64.py.

No tensor keeps a special value: norms are not 1, biases, delta and beta not 0, so every term of
docs/MODEL.md moves the logits. Everything follows from the row's number as the seed.
"""

import json
import os
from dataclasses import dataclass, field

import numpy as np
from safetensors.numpy import save_file

from bitllama_f64 import ternarise, with_defaults


@dataclass
class Case:
    """A line of the table: a model and the length of the text it reads."""
    name: str
    T: int
    D: int = 64
    H: int = 2
    I: int = 96
    L: int = 2
    V: int = 61
    C: int = 16
    ternary: bool = True
    packs: bool = True  # the rows of every ternary matrix are a multiple of 4
    floor: bool = False  # delta drives some tau to 0
    other: dict = field(default_factory=dict)

    def config(self):
        """As in config.json; what is left out takes its default."""
        sizes = {"vocab_size": self.V, "hidden_size": self.D, "intermediate_size": self.I,
                 "num_hidden_layers": self.L, "num_attention_heads": self.H, "mini_batch_size": self.C}
        config = {"architectures": ["BitLlamaForCausalLM"], "model_type": "bit_llama", **sizes, **self.other}
        if self.ternary:
            config["quantization_config"] = {"quant_method": "bitnet", "linear_class": "autobitlinear",
                                             "quantization_mode": "online"}
        return config


MLP = {"ttt_layer_type": "mlp"}
FORGET = {"ttt_forget": True}
PLAIN = {"share_qk": False, "use_gate": False}
CASES = [  # each with ternary and with float weights
    Case("linear", 200),
    Case("linear, neither share_qk nor gate", 200, other=PLAIN),
    Case("linear, no gate, untied", 101, C=5,
         other={"use_gate": False, "conv_kernel": 3, "tie_word_embeddings": False}),
    Case("linear, no share_qk, tau 0", 60, C=7, floor=True, other={"share_qk": False, "rope_theta": 300.0}),
    Case("linear, pre_conv", 200, other={"pre_conv": True}),
    Case("linear, pre_conv, no share_qk", 75, C=8, other={"pre_conv": True, "share_qk": False, "conv_kernel": 2}),
    Case("linear, eps 0.01, lr 2", 90, C=32, other={"rms_norm_eps": 0.01, "ttt_base_lr": 2.0}),
    Case("linear, one head of 128", 150, D=128, H=1, I=120, C=64, other={"conv_kernel": 8}),
    Case("linear, D not of 4, chunks of 1", 50, D=54, H=3, I=37, C=1, packs=False, other={"conv_kernel": 5}),
    Case("linear, shorter than a chunk", 40, D=96, I=132, L=3, C=64),
    Case("linear, one token", 1, D=32, I=44, L=1),
    Case("mlp", 200, H=4, other=MLP),
    Case("mlp, neither share_qk nor gate, lr 3", 83, H=4, C=5, floor=True, other={**MLP, **PLAIN, "ttt_base_lr": 3.0}),
    Case("mlp, pre_conv, untied", 120, D=72, H=2, I=100,
         other={**MLP, "pre_conv": True, "conv_kernel": 6, "tie_word_embeddings": False}),
    Case("linear, forgets", 200, H=4, other=FORGET),
    Case("linear, forgets, pre_conv, chunks of 3", 100, C=3, other={**FORGET, "pre_conv": True}),
    Case("mlp, forgets", 150, other={**MLP, **FORGET}),
    Case("mlp, two heads of 64, chunks of 1", 30, D=128, I=100, L=1, C=1, other=MLP),
]


def random_tensors(case, seed):
    """Name: float32 array, by the table of docs/FORMATS.md 1.2."""
    c, rng = with_defaults(case.config()), np.random.default_rng(seed)
    V, D, I, H, C, F, K = case.V, case.D, case.I, case.H, case.C, case.D // case.H, c["conv_kernel"]
    tensors = {}

    def put(name, shape, deviation, middle=0.0):
        tensors[name] = (middle + deviation * rng.standard_normal(shape)).astype(np.float32)

    put("model.embed_tokens.weight", (V, D), 0.3)
    put("model.norm.weight", (D,), 0.2, 1)
    if not c["tie_word_embeddings"]:
        put("lm_head.weight", (V, D), 0.1)
    for i in range(case.L):
        layer = f"model.layers.{i}."
        block = layer + "seq_modeling_block."
        if c["pre_conv"]:
            put(layer + "conv.norm.weight", (D,), 0.2, 1)
            put(layer + "conv.conv.weight", (D, 1, K), 0.3)
            put(layer + "conv.conv.bias", (D,), 0.1)
        for name in (layer + "seq_norm.weight", layer + "ffn_norm.weight", block + "post_norm.weight",
                     block + "attn_sub_norm.weight"):
            put(name, (D,), 0.2, 1)
        put(layer + "mlp.ffn_sub_norm.weight", (I,), 0.2, 1)
        put(block + "post_norm.bias", (D,), 0.1)
        # u, v and z have an rms near 0.5; convolutions keep that of q and k.
        for m in "qkvgo":
            if (m != "k" or not c["share_qk"]) and (m != "g" or c["use_gate"]):
                put(f"{block}{m}_proj.weight", (D, D), 0.6 / np.sqrt(D))
        if c["share_qk"]:
            for m in "qk":
                put(f"{block}conv_{m}.weight", (D, 1, K), 0.8 / np.sqrt(K))
                put(f"{block}conv_{m}.bias", (D,), 0.1)
        put(layer + "mlp.gate_proj.weight", (I, D), 0.6 / np.sqrt(D))
        put(layer + "mlp.up_proj.weight", (I, D), 0.6 / np.sqrt(D))
        put(layer + "mlp.down_proj.weight", (D, I), 0.6 / np.sqrt(I))
        put(block + "learnable_ttt_lr_weight", (H, 1, D), 1 / np.sqrt(D))
        put(block + "learnable_ttt_lr_bias", (H, 1), 0.3)
        put(block + "learnable_token_idx", (C,), 0.02)
        if case.floor:
            tensors[block + "learnable_token_idx"][1::3] = -0.7
        put(block + "ttt_norm_weight", (H, F), 0.2, 1)
        put(block + "ttt_norm_bias", (H, F), 0.1)
        M = 4 * F if c["ttt_layer_type"] == "mlp" else F
        put(block + "W1", (H, F, M), 0.5 / np.sqrt(F))
        put(block + "b1", (H, 1, M), 0.1)
        if M != F:
            put(block + "W2", (H, M, F), 0.5 / np.sqrt(F))
            put(block + "b2", (H, 1, F), 0.1)
        if c["ttt_forget"]:  # half-lives around three chunks, some of them at their floor of one
            put(block + "learnable_ttt_half_life", (H,), 1.0, 1)
    return tensors


def write_model(folder, config, tensors):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file)
    save_file(tensors, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})


def pack(config, tensors, inverse):
    """The same model with packed matrices: four rows, a quarter of the matrix apart, in a byte row."""
    packed = dict(tensors)
    for name, latent in tensors.items():
        if name.endswith("_proj.weight"):
            wt, g = ternarise(latent)
            parts = np.split((wt + 1).astype(np.uint8), 4)
            packed[name] = parts[0] | parts[1] << 2 | parts[2] << 4 | parts[3] << 6
            packed[name + "_scale"] = np.array([1 / g if inverse else g], np.float32)
    quantization = {"quant_method": "bitnet", "quantization_mode": "offline",
                    "linear_class": "bitlinear" if inverse else "autobitlinear"}
    return {**config, "quantization_config": quantization}, packed
