"""The method in float64 NumPy, written from the papers and docs, not from the engine: slow, plain, one formula a line.

Notation: activations are rows, y = x W^T, W [out, in]; d hidden size, hd head size, T tokens. The matrices of a layer
go by their short names q k v o gate up down.
"""

from .checkpoint import MODULES, head_size, read_checkpoint, read_safetensors, split, tensor_name
from .model import forward
from .objectives import column_weights, rotation_loss
from .pruning import damped, lowest, sparsegpt, wanda
from .rotation import blocks, fold, orthogonal, rotate_layer

__all__ = [
    "MODULES",
    "blocks",
    "column_weights",
    "damped",
    "fold",
    "forward",
    "head_size",
    "lowest",
    "orthogonal",
    "read_checkpoint",
    "read_safetensors",
    "rotate_layer",
    "rotation_loss",
    "sparsegpt",
    "split",
    "tensor_name",
    "wanda",
]
