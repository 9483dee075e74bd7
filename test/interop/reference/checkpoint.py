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


def tensor_name(layer, role, kind="weight"):
    return f"model.layers.{layer}.{MODULES[role]}.{kind}"


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
