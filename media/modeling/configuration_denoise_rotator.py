# Copyright 2026 The DenoiseRotator authors
# SPDX-License-Identifier: Apache-2.0
"""Configuration of a LLaMA, Qwen2, Qwen3, Mistral or Phi-3 whose residual stream changes its basis between layers."""

from transformers import CONFIG_MAPPING, PretrainedConfig


class DenoiseRotatorConfig(PretrainedConfig):
    """The configuration of the family `base_model_type`, with all its keys and defaults, and beside it:

    rotation_boundaries: numbers of the layers that begin with a rotation of the stream,
        `model.layers.{i}.input_rotation.weight`.
    """

    model_type = "denoise_rotator"
    keys_to_ignore_at_inference = ["past_key_values"]

    def __init__(self, base_model_type="llama", rotation_boundaries=(), **kwargs):
        super().__init__()
        # The family's class reads its own keys (and those of older releases), fills in what is missing and checks it.
        self.__dict__.update(vars(CONFIG_MAPPING[base_model_type](**kwargs)))
        self.base_model_type = base_model_type
        self.rotation_boundaries = list(rotation_boundaries)


# So that `save_pretrained` copies this file.
DenoiseRotatorConfig.register_for_auto_class()
