"""The fields of a Bit-Llama config.json, as transformers reads and writes them (docs/FORMATS.md 1.1)."""

from transformers import PretrainedConfig


class BitLlamaConfig(PretrainedConfig):
    """What a model folder says of its model; a field that is left out has the default of FORMATS 1.1.

    `quantization_config` is kept as three plain attributes and written back by `to_dict`: transformers'
    own "bitnet" quantiser would put other layers, with another arithmetic, in the place of ours.
    """

    model_type = "bit_llama"
    keys_to_ignore_at_inference = ["past_key_values", "cache"]

    def __init__(
        self,
        vocab_size=16384,
        hidden_size=256,
        intermediate_size=688,
        num_hidden_layers=8,
        num_attention_heads=4,
        rms_norm_eps=1e-6,
        rope_theta=10000.0,
        ttt_layer_type="linear",
        ttt_base_lr=None,
        mini_batch_size=16,
        ttt_forget=False,
        ttt_half_life_min=0,
        ttt_half_life_max=0,
        conv_kernel=4,
        share_qk=True,
        use_gate=True,
        pre_conv=False,
        tie_word_embeddings=True,
        initializer_range=0.02,
        conv_initializer_range=0,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=1,
        use_cache=True,
        quantization_config=None,
        **kwargs,
    ):
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.intermediate_size = intermediate_size
        self.num_hidden_layers = num_hidden_layers
        self.num_attention_heads = num_attention_heads
        self.rms_norm_eps = rms_norm_eps
        self.rope_theta = rope_theta
        self.ttt_layer_type = ttt_layer_type
        self.ttt_base_lr = {"mlp": 0.1}.get(ttt_layer_type, 1.0) if ttt_base_lr is None else ttt_base_lr
        self.mini_batch_size = mini_batch_size
        self.ttt_forget = ttt_forget
        self.ttt_half_life_min = ttt_half_life_min
        self.ttt_half_life_max = ttt_half_life_max
        self.conv_kernel = conv_kernel
        self.share_qk = share_qk
        self.use_gate = use_gate
        self.pre_conv = pre_conv
        self.initializer_range = initializer_range
        self.conv_initializer_range = conv_initializer_range
        self.use_cache = use_cache
        self._read_quantization(quantization_config)
        self.int8_tables = False  # told by the weights: BitLlamaPreTrainedModel.from_pretrained
        self._check()
        if kwargs.get("dtype") is None and kwargs.get("torch_dtype") is None:
            kwargs["torch_dtype"] = "float32"  # whatever type embedding and head are stored in
        super().__init__(
            bos_token_id=bos_token_id,
            eos_token_id=eos_token_id,
            pad_token_id=pad_token_id,
            tie_word_embeddings=tie_word_embeddings,
            **kwargs,
        )

    def _read_quantization(self, said):
        """FORMATS 1.1: absent is float weights, `online` latent ones, `offline` packed ones."""
        said = said.to_dict() if hasattr(said, "to_dict") else said
        self.ternary = said is not None
        if self.ternary and said.get("quant_method") != "bitnet":
            raise ValueError(f"quant_method is bitnet in a Bit-Llama model, not {said.get('quant_method')!r}")
        self.packed = self.ternary and said.get("quantization_mode") == "offline"
        self.inverse_scales = self.packed and said.get("linear_class") != "autobitlinear"

    def _check(self):
        """What would give shapes that make no sense, or another model without a word."""
        heads, width = self.num_attention_heads, self.hidden_size
        if width % heads or (width // heads) % 2 or not 16 <= width // heads <= 128:
            raise ValueError(f"hidden_size {width} over num_attention_heads {heads}: heads have an even width from 16 to 128")
        if self.ttt_layer_type not in ("linear", "mlp"):
            raise ValueError(f"ttt_layer_type is linear or mlp, not {self.ttt_layer_type!r}")
        if not 1 <= self.mini_batch_size <= 64:
            raise ValueError(f"mini_batch_size is from 1 to 64, not {self.mini_batch_size}")
        if not 2 <= self.conv_kernel <= 8:
            raise ValueError(f"conv_kernel is from 2 to 8, not {self.conv_kernel}")

    def to_dict(self):
        """The object of config.json."""
        written = super().to_dict()
        ternary, packed = written.pop("ternary"), written.pop("packed")
        inverse = written.pop("inverse_scales")
        written.pop("int8_tables")
        if ternary:
            written["quantization_config"] = {
                "quant_method": "bitnet",
                "linear_class": "bitlinear" if inverse else "autobitlinear",
                "quantization_mode": "offline" if packed else "online",
            }
        return written


__all__ = ["BitLlamaConfig"]
