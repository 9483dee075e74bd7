"""What a rotation is learned for: entropy (DenoiseRotator, arXiv:2505.23049) and pruned mass."""

import numpy as np

from .pruning import damped, lowest
from .rotation import blocks, rotate_layer


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
