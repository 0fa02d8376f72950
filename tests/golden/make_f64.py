"""Makes the fixtures data/f64_*.safetensors: small models of variants, a text, its logits by bitllama_f64.py.

    python3 make_f64.py          needs numpy and safetensors; rewrites every one

A file holds a model's tensors as F16 (the logits are those of the rounded weights), `ids`, and
`logits.ternary` and `logits.none` of the same text; its metadata hold the config, a JSON object. The
text is picked for the ternary model as in logits_f64.py.
"""

import json
import os
import tempfile

import numpy as np
from safetensors.numpy import save_file

from bitllama_f64 import Model
from f64_models import Case, FORGET, MLP, PLAIN, random_tensors, write_model
from logits_f64 import MARGIN, pick_text

SIZES = {"T": 22, "D": 32, "I": 36, "L": 1, "V": 27}
FIXTURES = {  # ttt_base_lr is a float in C: 0.1 would differ from a double in the ninth digit
    "plain": Case("plain", C=5, floor=True, **SIZES, other={**PLAIN, "tie_word_embeddings": False}),
    "pre_conv": Case("pre_conv", C=4, **SIZES, other={"pre_conv": True, "conv_kernel": 3}),
    "mlp": Case("mlp", C=5, **SIZES, other={**MLP, "use_gate": False, "ttt_base_lr": 2.0}),
    "mlp_pre_conv": Case("mlp_pre_conv", C=7, **SIZES,
                         other={**MLP, "pre_conv": True, "share_qk": False, "ttt_base_lr": 0.125}),
    "forget": Case("forget", C=4, **{**SIZES, "T": 40}, other=FORGET),
    "mlp_forget": Case("mlp_forget", C=5, **SIZES, other={**MLP, **FORGET, "ttt_base_lr": 0.125}),
}


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    for seed, (name, case) in enumerate(FIXTURES.items()):
        config = case.config()
        tensors = {key: value.astype(np.float16) for key, value in random_tensors(case, seed).items()}
        with tempfile.TemporaryDirectory() as folder:
            write_model(folder, config, tensors)
            model = Model(folder)
            ids, _, distance = pick_text(model, case, np.random.default_rng(seed))
            assert distance >= MARGIN
            found = {"ids": np.array(ids, np.int32), "logits.ternary": model.logits(ids)[0]}
            write_model(folder, {key: value for key, value in config.items() if key != "quantization_config"}, tensors)
            found["logits.none"] = Model(folder).logits(ids)[0]
        path = os.path.join(here, "data", f"f64_{name}.safetensors")
        fields = {key: value for key, value in config.items()
                  if key not in ("architectures", "model_type", "quantization_config")}
        save_file({**tensors, **found}, path, metadata={"config": json.dumps(fields)})
        print(f"{path}: {os.path.getsize(path)} bytes, {distance:.1e} from a tie")


if __name__ == "__main__":
    main()
