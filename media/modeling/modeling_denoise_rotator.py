# Copyright 2026 The DenoiseRotator authors
# SPDX-License-Identifier: Apache-2.0
"""A LLaMA, Qwen2, Qwen3, Mistral or Phi-3 whose residual stream changes its basis between layers.

Every layer was pruned in a basis of its own, chosen so that few weights matter in it. Where the basis changes, the
stream is multiplied by one orthogonal matrix: layer i begins with x <- x M^T, M in
`model.layers.{i}.input_rotation.weight` [hidden, hidden]. All else is the family's own code in transformers: attention
implementations, cache, generation. Tested with transformers 4.46 to 5.23.
"""

from torch import nn
from transformers import CONFIG_MAPPING, MODEL_MAPPING, GenerationMixin, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from .configuration_denoise_rotator import DenoiseRotatorConfig


def rotated(layer_class):
    """The decoder layer class of a family, with a rotation in front."""

    class RotatedDecoderLayer(layer_class):
        def __init__(self, config, layer_idx):
            super().__init__(config, layer_idx)
            self.input_rotation = nn.Linear(config.hidden_size, config.hidden_size, bias=False)

        def forward(self, hidden_states, *args, **kwargs):
            return super().forward(self.input_rotation(hidden_states), *args, **kwargs)

    return RotatedDecoderLayer


class DenoiseRotatorForCausalLM(PreTrainedModel, GenerationMixin):
    config_class = DenoiseRotatorConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _no_split_modules = [
        "LlamaDecoderLayer",
        "Qwen2DecoderLayer",
        "Qwen3DecoderLayer",
        "MistralDecoderLayer",
        "Phi3DecoderLayer",
        "RotatedDecoderLayer",
    ]
    _skip_keys_device_placement = ["past_key_values"]
    _supports_sdpa = True
    _supports_flash_attn = _supports_flash_attn_2 = True  # named differently over the releases
    _supports_flex_attn = True
    _supports_attention_backend = True
    _supports_cache_class = _supports_static_cache = _can_compile_fullgraph = True

    def __init__(self, config):
        super().__init__(config)
        self.model = MODEL_MAPPING[CONFIG_MAPPING[config.base_model_type]](config)
        layers = self.model.layers
        for i in config.rotation_boundaries:
            layers[i] = rotated(type(layers[i]))(config, i)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def _init_weights(self, module):
        self.model._init_weights(module)

    def get_output_embeddings(self):
        return self.lm_head

    def set_output_embeddings(self, new_embeddings):
        self.lm_head = new_embeddings

    def forward(
        self,
        input_ids=None,
        attention_mask=None,
        position_ids=None,
        past_key_values=None,
        inputs_embeds=None,
        labels=None,
        use_cache=None,
        logits_to_keep=0,
        return_dict=None,
        **kwargs,
    ):
        """As the family's own `ForCausalLM`; `logits_to_keep`: only of the last so many positions, 0 for all."""
        outputs = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
            return_dict=True,
            **kwargs,
        )
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits = self.lm_head(outputs.last_hidden_state[:, kept, :])
        loss = None
        if labels is not None:
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=self.config.vocab_size, **kwargs)
        result = CausalLMOutputWithPast(
            loss=loss,
            logits=logits,
            past_key_values=outputs.past_key_values,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )
        return result.to_tuple() if return_dict is False else result


# So that `save_pretrained` copies this file.
DenoiseRotatorForCausalLM.register_for_auto_class("AutoModelForCausalLM")
