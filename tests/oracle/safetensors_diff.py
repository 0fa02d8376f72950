"""Holds our safetensors files against Hugging Face's safetensors, both ways, or exits with 1.

    pip install numpy safetensors
    python tests/oracle/safetensors_diff.py --bitllama build/bitllama

A small model is trained; the library must read its files, find the names and shapes that config.json
asks for, and write them again, in its own order, so that our program computes the same logits.
"""

import argparse
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file


def expected_shapes(c):
    """Tensor names and shapes of a model with shared q and k, a gate and a tied head."""
    V, D, H, I = c["vocab_size"], c["hidden_size"], c["num_attention_heads"], c["intermediate_size"]
    C, K, F = c["mini_batch_size"], c["conv_kernel"], c["hidden_size"] // c["num_attention_heads"]
    layer = {"seq_norm.weight": [D], "ffn_norm.weight": [D], "mlp.ffn_sub_norm.weight": [I],
             "mlp.gate_proj.weight": [I, D], "mlp.up_proj.weight": [I, D], "mlp.down_proj.weight": [D, I]}
    block = {"conv_q.weight": [D, 1, K], "conv_q.bias": [D], "conv_k.weight": [D, 1, K], "conv_k.bias": [D],
             "learnable_ttt_lr_weight": [H, 1, D], "learnable_ttt_lr_bias": [H, 1], "learnable_token_idx": [C],
             "ttt_norm_weight": [H, F], "ttt_norm_bias": [H, F], "W1": [H, F, F], "b1": [H, 1, F],
             "post_norm.weight": [D], "post_norm.bias": [D], "attn_sub_norm.weight": [D]}
    if c["ttt_forget"]:
        block["learnable_ttt_half_life"] = [H]
    block.update({f"{p}_proj.weight": [D, D] for p in "qvgo"})
    if c["pre_conv"]:
        layer.update({"conv.norm.weight": [D], "conv.conv.weight": [D, 1, K], "conv.conv.bias": [D]})
    layer.update({f"seq_modeling_block.{name}": shape for name, shape in block.items()})
    shapes = {"model.embed_tokens.weight": [V, D], "model.norm.weight": [D]}
    for i in range(c["num_hidden_layers"]):
        shapes.update({f"model.layers.{i}.{name}": shape for name, shape in layer.items()})
    return shapes


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bitllama", required=True)
    args = parser.parse_args()
    bitllama = os.path.abspath(args.bitllama)

    with tempfile.TemporaryDirectory() as work:
        def ours(*words):
            done = subprocess.run([bitllama, *words], cwd=work, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"bitllama {' '.join(words)}: exit code {done.returncode}\n{done.stderr}")

        ours("prepare", "tales", "--out", "data", "--tales-bytes", "200000", "--vocab-size", "500")
        ours("train", "--preset", "tiny", "--data", "data", "--out", "run", "--steps", "8", "--context", "32",
             "--batch", "4", "--hidden-size", "64", "--intermediate-size", "96", "--num-hidden-layers", "2")
        model = os.path.join(work, "run", "model.safetensors")
        with open(os.path.join(work, "run", "config.json")) as file:
            expected = expected_shapes(json.load(file))
        tensors = load_file(model)
        found = {name: list(tensor.shape) for name, tensor in tensors.items()}
        for name in sorted(expected.keys() | found.keys()):
            if expected.get(name) != found.get(name):
                sys.exit(f"{name}: shape {found.get(name)}, expected {expected.get(name)}")
        files = [model] + glob.glob(os.path.join(work, "run", "ckpt", "*", "*.safetensors"))
        values = 0
        for path in files:
            with safe_open(path, "numpy") as file:
                for name in file.keys():
                    tensor = file.get_tensor(name)
                    values += tensor.size
                    if tensor.dtype == np.float32 and not np.isfinite(tensor).all():
                        sys.exit(f"{path}: {name} has values that are not finite")

        shutil.copytree(os.path.join(work, "run"), os.path.join(work, "theirs"),
                        ignore=shutil.ignore_patterns("ckpt", "LATEST"))
        save_file(tensors, os.path.join(work, "theirs", "model.safetensors"), metadata={"format": "pt"})
        shutil.copytree(os.path.join(work, "theirs"), os.path.join(work, "again"))
        shutil.copy(model, os.path.join(work, "again", "model.safetensors"))
        logits = {}
        for name in ("theirs", "again"):
            ours("logits", "-m", name, "-p", "Once upon a time there was a dog", "-o", name + ".npy")
            logits[name] = np.load(os.path.join(work, name + ".npy"))
        if not np.array_equal(logits["theirs"], logits["again"]):
            sys.exit("the rewritten model computes other logits")
        print(f"{len(files)} files, {values} values read; {len(tensors)} tensors rewritten; "
              f"{logits['theirs'].size} logits equal")


if __name__ == "__main__":
    main()
