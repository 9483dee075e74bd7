"""Masks and weights of Wanda and SparseGPT, from their papers."""

import numpy as np


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
    dead = np.diag(h) == 0  # inputs that are always 0: their weights go first, and nothing makes up for them
    w, h = np.where(dead, 0, w), h + np.diag(dead * 1.0)
    inverse = np.linalg.inv(damped(h, damping))
    steps = []  # row j of H_F^-1 for F = {j, ..., cols - 1}
    for j in range(cols):
        steps.append(inverse[j].copy())
        inverse = inverse - np.outer(inverse[:, j], inverse[j]) / inverse[j, j]
    costs = np.array([step[j] for j, step in enumerate(steps)])

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
