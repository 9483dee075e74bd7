"""Checkpoints read from the format's description, in float64."""

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


#: What Phi-3 stores in one tensor, rows one below the other.
FUSED = {"self_attn.qkv_proj": ["q", "k", "v"], "mlp.gate_up_proj": ["gate", "up"]}


def tensor_name(layer, role, kind="weight"):
    return f"model.layers.{layer}.{MODULES[role]}.{kind}"


def split(config, tensors):
    """Every matrix under a name of its own."""
    kv, ffn = config["num_key_value_heads"] * head_size(config), config["intermediate_size"]
    rows = {"q": config["num_attention_heads"] * head_size(config), "k": kv, "v": kv, "gate": ffn, "up": ffn}
    out = dict(tensors)
    for i in range(config["num_hidden_layers"]):
        for module, roles in FUSED.items():
            whole = out.pop(f"model.layers.{i}.{module}.weight", None)
            if whole is not None:
                ends = np.cumsum([rows[role] for role in roles])
                parts = np.split(whole, ends[:-1])
                out |= {tensor_name(i, role): part for role, part in zip(roles, parts, strict=True)}
    return out


def fuse(config, tensors):
    """Back as Phi-3 stores them."""
    out = dict(tensors)
    for i in range(config["num_hidden_layers"]):
        for module, roles in FUSED.items():
            out[f"model.layers.{i}.{module}.weight"] = np.concatenate([out.pop(tensor_name(i, role)) for role in roles])
    return out


def head_size(config):
    return config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]


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
