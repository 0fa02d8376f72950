"""Makes the fixtures f64_*.safetensors: small models of variants, a text, its logits by bitllama_f64.py.

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
from f64_models import Case, PLAIN, random_tensors, write_model
from logits_f64 import MARGIN, pick_text

SIZES = {"T": 23, "D": 32, "I": 40, "L": 1, "V": 32}
FIXTURES = {
    "plain": Case("plain", C=5, floor=True, **SIZES, other={**PLAIN, "tie_word_embeddings": False}),
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
        path = os.path.join(here, f"f64_{name}.safetensors")
        fields = {key: value for key, value in config.items()
                  if key not in ("architectures", "model_type", "quantization_config")}
        save_file({**tensors, **found}, path, metadata={"config": json.dumps(fields)})
        print(f"{path}: {os.path.getsize(path)} bytes, {distance:.1e} from a tie")


if __name__ == "__main__":
    main()
