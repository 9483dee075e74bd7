"""Rotations folded into a checkpoint, by the table of the method's description."""

import numpy as np

from .checkpoint import MODULES, fuse, split, tensor_name


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
    tensors = split(config, tensors)
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
        for role, basis in {"v": blocks(r2), "o": r1, "down": r1}.items():
            name = tensor_name(i, role, "bias")
            if name in tensors:
                folded[name] = basis.T @ tensors[name]
        folded |= {name: ones for name in norms}
    embedding = tensors["model.embed_tokens.weight"]
    head = tensors.get("lm_head.weight", embedding)
    folded["model.embed_tokens.weight"] = embedding @ r1s[0]
    folded["lm_head.weight"] = head * tensors["model.norm.weight"] @ r1s[-1]
    folded["model.norm.weight"] = ones
    if config["model_type"] == "phi3":
        folded = fuse(config, folded)
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
