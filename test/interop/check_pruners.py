"""Wanda and SparseGPT on random layers: the same mask, the same weights as the formulas of their papers."""

import numpy as np
from harness import case, close, engine, equal
from reference import lowest, sparsegpt, wanda

ROWS, COLUMNS, SAMPLES = 48, 64, 16
PATTERNS = {
    "2:4": {"kind": "nm", "keep": 2, "of": 4},
    "4:8": {"kind": "nm", "keep": 4, "of": 8},
    "1:4": {"kind": "nm", "keep": 1, "of": 4},
    "50%": {"kind": "unstructured", "share": 0.5},
    "70%": {"kind": "unstructured", "share": 0.7},
}


def layer(seed, dead=()):
    """w, and inputs x whose columns are correlated and of very different size; those in `dead` are always 0."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(COLUMNS, COLUMNS)) * np.exp(rng.normal(size=COLUMNS))
    x = rng.normal(size=(SAMPLES * 32, COLUMNS)) @ mixing
    x[:, list(dead)] = 0
    return rng.normal(size=(ROWS, COLUMNS)), x


def hessian(x):
    return 2 / SAMPLES * x.T @ x


def compare(method, pattern, block_size, expected, w, x):
    spec = {"method": method, "pattern": pattern, "blockSize": block_size, "damping": 0.01}
    actual = engine("prune", {"w": w, "h": hessian(x)}, spec)["weights"]
    differing = int(((actual == 0) != (expected == 0)).sum())
    equal(differing, 0, f"places where the masks differ, of {w.size}")
    return close(actual, expected, 1e-4, "weights")


def check_wanda(name, seed):
    w, x = layer(seed)
    return compare("wanda", PATTERNS[name], 128, wanda(w, x, PATTERNS[name]), w, x)


def check_magnitude(name, seed):
    w, x = layer(seed)
    pattern = PATTERNS[name]
    scores = np.abs(w) if pattern["kind"] == "nm" else np.abs(w).reshape(1, -1)
    expected = np.where(lowest(scores, pattern).reshape(w.shape), 0, w)
    return compare("magnitude", pattern, 128, expected, w, x)


def check_sparsegpt(name, block_size, seed, dead=()):
    w, x = layer(seed, dead)
    return compare(
        "sparsegpt", PATTERNS[name], block_size, sparsegpt(w, hessian(x), PATTERNS[name], block_size, 0.01), w, x
    )


for seed, name in enumerate(PATTERNS):
    case(f"pruners: Magnitude, {name}", check_magnitude, name, seed)
    case(f"pruners: Wanda, {name}", check_wanda, name, seed)
    for block_size in (128, 16):
        case(f"pruners: SparseGPT, {name}, blocks of {block_size}", check_sparsegpt, name, block_size, seed)
case("pruners: SparseGPT, 50%, inputs that are always 0", check_sparsegpt, "50%", 128, 9, (3, 40))
