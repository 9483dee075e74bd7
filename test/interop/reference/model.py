"""The forward pass of LLaMA, Qwen2, Qwen3, Mistral and Phi-3, and of our format with rotations between layers."""

import numpy as np

from .checkpoint import head_size, split, tensor_name


def family(config):
    return config.get("base_model_type", config["model_type"])


def rope_frequencies(config):
    """Angle per position of each pair, [hd / 2]; `default` and `llama3` (Llama 3.1's model card code)."""
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    theta = rope.get("rope_theta") or config.get("rope_theta") or 10000.0
    hd = head_size(config)
    frequencies = theta ** (-np.arange(0, hd, 2) / hd)
    if rope.get("rope_type", "default") == "default":
        return frequencies
    assert rope["rope_type"] == "llama3"
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    trained = rope["original_max_position_embeddings"]
    # Turns made over the trained context: many stay as they are, few are stretched, a blend between.
    turns = trained * frequencies / (2 * np.pi)
    blend = np.clip((turns - low) / (high - low), 0, 1)
    return blend * frequencies + (1 - blend) * frequencies / rope["factor"]


def sliding_window(config, layer):
    if family(config) == "mistral":
        return config.get("sliding_window", 4096)
    if family(config) == "phi3":
        return config.get("sliding_window")
    if family(config) in ("qwen2", "qwen3") and config.get("use_sliding_window"):
        return config["sliding_window"] if layer >= config["max_window_layers"] else None
    return None


def rms_norm(x, gain, eps):
    return x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps) * gain


def rope(x, frequencies):
    """x [T, heads, hd]; dimension i turns with i + hd/2."""
    angle = np.arange(x.shape[0])[:, None, None] * frequencies
    a, b = np.split(x, 2, axis=-1)
    return np.concatenate([a * np.cos(angle) - b * np.sin(angle), b * np.cos(angle) + a * np.sin(angle)], -1)


def forward(config, tensors, ids):
    """ids [T] -> logits [T, vocabulary]."""
    tensors = split(config, tensors)
    embedding = tensors.get("model.embed_tokens.weight", tensors.get("lm_head.weight"))
    head = embedding if config.get("tie_word_embeddings") else tensors["lm_head.weight"]
    eps = config["rms_norm_eps"]
    x = embedding[ids]
    for i in range(config["num_hidden_layers"]):
        if i in config.get("rotation_boundaries", []):
            x = x @ tensors[f"model.layers.{i}.input_rotation.weight"].T
        x = x + attention(config, tensors, i, rms_norm(x, tensors[f"model.layers.{i}.input_layernorm.weight"], eps))
        h = rms_norm(x, tensors[f"model.layers.{i}.post_attention_layernorm.weight"], eps)
        gate, up = linear(tensors, i, "gate", h), linear(tensors, i, "up", h)
        x = x + linear(tensors, i, "down", gate / (1 + np.exp(-gate)) * up)
    return rms_norm(x, tensors["model.norm.weight"], eps) @ head.T


def linear(tensors, layer, role, x):
    return x @ tensors[tensor_name(layer, role)].T + tensors.get(tensor_name(layer, role, "bias"), 0)


def attention(config, tensors, layer, x):
    T, hd, heads = len(x), head_size(config), config["num_attention_heads"]
    group = heads // config["num_key_value_heads"]
    frequencies = rope_frequencies(config)
    q, k = (linear(tensors, layer, role, x).reshape(T, -1, hd) for role in "qk")
    if family(config) == "qwen3":  # every head is normed
        gains = (tensors[f"model.layers.{layer}.self_attn.{role}_norm.weight"] for role in "qk")
        q, k = (rms_norm(a, gain, config["rms_norm_eps"]) for a, gain in zip((q, k), gains, strict=True))
    q, k = rope(q, frequencies), rope(k, frequencies)
    v = linear(tensors, layer, "v", x).reshape(T, -1, hd)
    distance = np.arange(T)[:, None] - np.arange(T)[None, :]
    window = sliding_window(config, layer)
    seen = (distance >= 0) & (distance < (window or T))
    out = np.zeros((T, heads, hd))
    for h in range(heads):
        scores = np.where(seen, q[:, h] @ k[:, h // group].T / np.sqrt(hd), -np.inf)
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        out[:, h] = weights / weights.sum(axis=1, keepdims=True) @ v[:, h // group]
    return linear(tensors, layer, "o", out.reshape(T, -1))
