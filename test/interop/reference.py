"""The method in float64 NumPy, written from docs and papers, not from the engine: slow, plain, one formula a line.

Notation: activations are rows, y = x W^T, W [out, in]; d hidden size, hd head size, T tokens. Matrices of a layer go by
their short names q k v o gate up down.
"""

import json
import struct
from pathlib import Path

import numpy as np

MODULES = {
    "q": "self_attn.q_proj",
    "k": "self_attn.k_proj",
    "v": "self_attn.v_proj",
    "o": "self_attn.o_proj",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
}


def tensor_name(layer, role, kind="weight"):
    return f"model.layers.{layer}.{MODULES[role]}.{kind}"


# --- Checkpoints -----------------------------------------------------------------------------------------------------


def read_checkpoint(folder):
    """config and every tensor in float64, from all safetensors files of a folder."""
    tensors = {}
    for path in sorted(Path(folder).glob("*.safetensors")):
        tensors.update(read_safetensors(path))
    return json.loads((Path(folder) / "config.json").read_text()), tensors


def read_safetensors(path):
    """8 bytes length, a JSON header with dtype, shape and byte range of each tensor, the bytes."""
    data = Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + length + at for at in entry["data_offsets"])
        tensors[name] = decode(entry["dtype"], data[begin:end]).reshape(entry["shape"])
    return tensors


def decode(dtype, data):
    if dtype == "BF16":  # the upper half of a float32
        upper = np.frombuffer(data, "<u2").astype("<u4") << 16
        return upper.view("<f4").astype(np.float64)
    return np.frombuffer(data, {"F64": "<f8", "F32": "<f4", "F16": "<f2"}[dtype]).astype(np.float64)


# --- Forward pass ----------------------------------------------------------------------------------------------------


def family(config):
    return config.get("base_model_type", config["model_type"])


def head_size(config):
    return config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]


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
    if family(config) == "qwen2" and config.get("use_sliding_window"):
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
    q = rope(linear(tensors, layer, "q", x).reshape(T, -1, hd), frequencies)
    k = rope(linear(tensors, layer, "k", x).reshape(T, -1, hd), frequencies)
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


# --- Rotation --------------------------------------------------------------------------------------------------------


def orthogonal(rng, n):
    q, r = np.linalg.qr(rng.normal(size=(n, n)))
    return q * np.sign(np.diag(r))


def blocks(r2, repeat=1):
    """R2 of each key/value head [kv, hd, hd] as one block-diagonal matrix, each block `repeat` times in a row."""
    r2 = np.repeat(r2, repeat, axis=0)
    n, hd, _ = r2.shape
    out = np.zeros((n * hd, n * hd))
    for i, block in enumerate(r2):
        out[i * hd : (i + 1) * hd, i * hd : (i + 1) * hd] = block
    return out


def rotate_layer(weights, r1, r2):
    """The seven matrices (norm gains folded in) of a layer whose stream comes and goes as x R1."""
    group = weights["o"].shape[1] // weights["v"].shape[0]
    return {
        "q": weights["q"] @ r1,
        "k": weights["k"] @ r1,
        "v": blocks(r2).T @ weights["v"] @ r1,
        "o": r1.T @ weights["o"] @ blocks(r2, group),
        "gate": weights["gate"] @ r1,
        "up": weights["up"] @ r1,
        "down": r1.T @ weights["down"],
    }


def fold(config, tensors, r1s, r2s):
    """A whole checkpoint with R1 and R2 of every layer folded in: (config, tensors) of the output format.

    Where neighbours share one R1 (the same array) there is no boundary.
    """
    folded = dict(tensors)
    ones = np.ones(config["hidden_size"])
    for i, (r1, r2) in enumerate(zip(r1s, r2s, strict=True)):
        norms = [f"model.layers.{i}.{name}.weight" for name in ("input_layernorm", "post_attention_layernorm")]
        before_attention, before_mlp = (tensors[name] for name in norms)
        gain = {"q": before_attention, "k": before_attention, "v": before_attention}
        gain |= {"gate": before_mlp, "up": before_mlp}
        weights = {role: tensors[tensor_name(i, role)] * gain.get(role, 1) for role in MODULES}
        for role, w in rotate_layer(weights, r1, r2).items():
            folded[tensor_name(i, role)] = w
        value_bias = tensors.get(tensor_name(i, "v", "bias"))
        if value_bias is not None:
            folded[tensor_name(i, "v", "bias")] = blocks(r2).T @ value_bias
        folded |= {name: ones for name in norms}
    embedding = tensors["model.embed_tokens.weight"]
    head = tensors.get("lm_head.weight", embedding)
    folded["model.embed_tokens.weight"] = embedding @ r1s[0]
    folded["lm_head.weight"] = head * tensors["model.norm.weight"] @ r1s[-1]
    folded["model.norm.weight"] = ones
    config = config | {"tie_word_embeddings": False}
    boundaries = [i for i in range(1, len(r1s)) if r1s[i] is not r1s[i - 1]]
    for i in boundaries:
        folded[f"model.layers.{i}.input_rotation.weight"] = (r1s[i - 1].T @ r1s[i]).T
    if boundaries:
        config |= rotated_config(config["model_type"], boundaries)
    return config, folded


def rotated_config(base_model_type, boundaries):
    return {
        "model_type": "denoise_rotator",
        "base_model_type": base_model_type,
        "architectures": ["DenoiseRotatorForCausalLM"],
        "rotation_boundaries": boundaries,
        "auto_map": {
            "AutoConfig": "configuration_denoise_rotator.DenoiseRotatorConfig",
            "AutoModelForCausalLM": "modeling_denoise_rotator.DenoiseRotatorForCausalLM",
        },
    }


# --- Pruning ---------------------------------------------------------------------------------------------------------


def lowest(scores, pattern):
    """Mask of what a pattern deletes from every row of scores: M - N of every M, or the lowest share."""
    rows, cols = scores.shape
    of = pattern["of"] if pattern["kind"] == "nm" else cols
    count = of - pattern["keep"] if pattern["kind"] == "nm" else int(pattern["share"] * cols)
    grouped = scores.reshape(rows, cols // of, of)
    order = np.argsort(grouped, axis=2, kind="stable")
    mask = np.zeros(grouped.shape, bool)
    np.put_along_axis(mask, order[:, :, :count], True, axis=2)
    return mask.reshape(rows, cols)


def wanda(w, x, pattern):
    """Sun et al. 2023, arXiv:2306.11695: score |W_ij| * ||X_j||, compared within a row. x [tokens, in]."""
    return np.where(lowest(np.abs(w) * np.linalg.norm(x, axis=0), pattern), 0, w)


def damped(h, damping):
    return h + damping * np.mean(np.diag(h)) * np.eye(len(h))


def sparsegpt(w, h, pattern, block_size, damping):
    """Frantar & Alistarh 2023, arXiv:2301.00774, without the Cholesky shortcut.

    Column j of the remaining columns F: delete costs w_j^2 / [H_F^-1]_jj, the rest of the row gets
    - w_j / [H_F^-1]_jj * [H_F^-1]_j, and H_F^-1 loses column j by one step of Gaussian elimination.
    """
    rows, cols = w.shape
    inverse = np.linalg.inv(damped(h, damping))
    steps = []  # row j of H_F^-1 for F = {j, ..., cols - 1}
    for j in range(cols):
        steps.append(inverse[j].copy())
        inverse = inverse - np.outer(inverse[:, j], inverse[j]) / inverse[j, j]
    costs = np.array([step[j] for j, step in enumerate(steps)])

    w = w.copy()
    mask = np.zeros(w.shape, bool)
    group = pattern["of"] if pattern["kind"] == "nm" else block_size
    for j in range(cols):
        if j % group == 0:
            end = min(j + group, cols)
            scores = w[:, j:end] ** 2 / costs[j:end]
            if pattern["kind"] == "nm":
                mask[:, j:end] = lowest(scores, pattern)
            else:  # over all rows of the block; what is deleted up to here is exact
                count = int(pattern["share"] * rows * end) - int(pattern["share"] * rows * j)
                chosen = np.argsort(scores, axis=None, kind="stable")[:count]
                mask[:, j:end].flat[chosen] = True
        error = np.where(mask[:, j], w[:, j], 0) / costs[j]
        w[:, j:] -= np.outer(error, steps[j][j:])
        w[mask[:, j], j] = 0
    return w


# --- Objectives of the rotation --------------------------------------------------------------------------------------


def column_weights(method, hessians, r1, r2, group, damping):
    """What w^2 is multiplied by, per column of each input: 1, [R^T H R]_jj or 1 / [R^T H^-1 R]_jj."""
    rotations = {"qkv": r1, "mlp": r1, "o": blocks(r2, group), "down": np.eye(len(hessians["down"]))}
    if method == "magnitude":
        return {kind: np.ones(len(h)) for kind, h in hessians.items()}
    if method == "wanda":
        return {kind: np.diag(rotations[kind].T @ h @ rotations[kind]) for kind, h in hessians.items()}
    inverse = {kind: np.linalg.inv(damped(h, damping)) for kind, h in hessians.items()}
    return {kind: 1 / np.diag(rotations[kind].T @ h @ rotations[kind]) for kind, h in inverse.items()}


INPUT_OF = {"q": "qkv", "k": "qkv", "v": "qkv", "o": "o", "gate": "mlp", "up": "mlp", "down": "down"}


def rotation_loss(method, objective, pattern, weights, hessians, r1, r2, damping):
    group = weights["o"].shape[1] // weights["v"].shape[0]
    c = column_weights(method, hessians, r1, r2, group, damping)
    total = 0.0
    for role, w in rotate_layer(weights, r1, r2).items():
        s = w**2 * c[INPUT_OF[role]]
        if objective == "pruned-mass":
            total += np.sum(np.where(lowest(s, pattern), s, 0).sum(axis=1) / s.sum(axis=1))
        else:
            total += sum(entropy(s, axis) for axis in {"down": [0], "v": [0, 1], "o": [0, 1]}.get(role, [1]))
    return total


def entropy(s, axis):
    p = s / s.sum(axis=axis, keepdims=True)
    return -np.sum(p * np.log(p))
