"""Bit-Llama in transformers: importing this package lets its Auto classes open model folders.

    import bitllama.hf
    from transformers import AutoModelForCausalLM
    model = AutoModelForCausalLM.from_pretrained("run")

It needs transformers and PyTorch, and no part of the library.
"""

from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

from .configuration_bitllama import BitLlamaConfig
from .modeling_bitllama import BitLlamaCache, BitLlamaForCausalLM, BitLlamaModel, BitLlamaPreTrainedModel

AutoConfig.register(BitLlamaConfig.model_type, BitLlamaConfig, exist_ok=True)
AutoModel.register(BitLlamaConfig, BitLlamaModel, exist_ok=True)
AutoModelForCausalLM.register(BitLlamaConfig, BitLlamaForCausalLM, exist_ok=True)
for _kind, _name in ((BitLlamaConfig, "AutoConfig"), (BitLlamaModel, "AutoModel"), (BitLlamaForCausalLM, "AutoModelForCausalLM")):
    _kind.register_for_auto_class(_name)  # save_pretrained then takes the two files along

__all__ = ["BitLlamaCache", "BitLlamaConfig", "BitLlamaForCausalLM", "BitLlamaModel", "BitLlamaPreTrainedModel"]
