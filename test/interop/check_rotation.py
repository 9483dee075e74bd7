"""The loss of a rotation and its gradient: the engine's closed form, PyTorch's autograd, the formulas in NumPy."""

import numpy as np
import torch
from harness import case, close, engine
from reference import orthogonal, rotation_loss

SHAPE = {"d": 32, "heads": 4, "kvHeads": 2, "headDim": 12, "ffn": 40}
DAMPING = 0.01
PATTERNS = {
    "2:4": {"kind": "nm", "keep": 2, "of": 4},
    "50%": {"kind": "unstructured", "share": 0.5},
}


def random_layer(seed):
    """Matrices, Hessians and a rotation, in float64."""
    rng = np.random.default_rng(seed)
    d, ffn = SHAPE["d"], SHAPE["ffn"]
    q, kv = SHAPE["heads"] * SHAPE["headDim"], SHAPE["kvHeads"] * SHAPE["headDim"]
    shapes = {"q": (q, d), "k": (kv, d), "v": (kv, d), "o": (d, q), "gate": (ffn, d), "up": (ffn, d), "down": (d, ffn)}
    weights = {role: rng.normal(size=shape) for role, shape in shapes.items()}
    hessians = {}
    for kind, n in {"qkv": d, "o": q, "mlp": d, "down": ffn}.items():
        x = rng.normal(size=(4 * n, n)) @ rng.normal(size=(n, n)) * np.exp(rng.normal(size=n))
        hessians[kind] = 2 / len(x) * x.T @ x
    r2 = np.stack([orthogonal(rng, SHAPE["headDim"]) for _ in range(SHAPE["kvHeads"])])
    return weights, hessians, orthogonal(rng, d), r2


def autograd(method, objective, pattern, temperature, weights, hessians, r1, r2):
    """loss, its gradient by R1, by R2"""
    w = {role: torch.from_numpy(a) for role, a in weights.items()}
    r1, r2 = (torch.from_numpy(r).requires_grad_() for r in (r1, r2))
    per_query_head = r2.repeat_interleave(SHAPE["heads"] // SHAPE["kvHeads"], dim=0)
    b_v, b_o = torch.block_diag(*r2), torch.block_diag(*per_query_head)
    turned = {"qkv": r1, "mlp": r1, "o": b_o, "down": torch.eye(SHAPE["ffn"], dtype=r1.dtype)}

    def scale(kind):
        h = torch.from_numpy(hessians[kind])
        if method == "magnitude":
            return torch.ones(len(h), dtype=h.dtype)
        if method == "wanda":
            return torch.einsum("ij,ik,kj->j", turned[kind], h, turned[kind])
        h = h + DAMPING * h.diagonal().mean() * torch.eye(len(h), dtype=h.dtype)
        return 1 / torch.einsum("ij,ik,kj->j", turned[kind], torch.linalg.inv(h), turned[kind])

    importance = {
        "q": (w["q"] @ r1) ** 2 * scale("qkv"),
        "k": (w["k"] @ r1) ** 2 * scale("qkv"),
        "v": (b_v.T @ w["v"] @ r1) ** 2 * scale("qkv"),
        "o": (r1.T @ w["o"] @ b_o) ** 2 * scale("o"),
        "gate": (w["gate"] @ r1) ** 2 * scale("mlp"),
        "up": (w["up"] @ r1) ** 2 * scale("mlp"),
        "down": (r1.T @ w["down"]) ** 2 * scale("down"),
    }
    if objective == "entropy":
        axes = {"v": (0, 1), "o": (0, 1), "down": (0,)}
        loss = sum(
            torch.special.entr(s / s.sum(axis, keepdim=True)).sum()
            for role, s in importance.items()
            for axis in axes.get(role, (1,))
        )
    else:
        loss = sum(pruned_share(s, pattern, temperature) for s in importance.values())
    loss.backward()
    return loss.item(), r1.grad.numpy(), r2.grad.numpy()


def pruned_share(s, pattern, temperature):
    of = pattern["of"] if pattern["kind"] == "nm" else s.shape[1]
    count = of - pattern["keep"] if pattern["kind"] == "nm" else int(pattern["share"] * of)
    ordered = s.reshape(len(s), -1, of).sort(dim=2).values
    if temperature == 0:
        pruned = ordered[..., :count].sum((1, 2))
    else:  # softly: half of what lies between the last that goes and the first that stays; constant for the gradient
        constant = ordered.detach()
        threshold = (constant[..., count - 1] * constant[..., count]).sqrt()[..., None]
        pruned = (ordered / (1 + (constant / threshold) ** (1 / temperature))).sum((1, 2))
    return (pruned / s.sum(1)).sum()


def check(method, objective, pattern, seed, temperature=0):
    weights, hessians, r1, r2 = random_layer(seed)
    inputs = weights | {f"h.{kind}": h for kind, h in hessians.items()} | {"r1": r1, "r2": r2}
    criterion = {"objective": objective} | ({"temperature": temperature} if objective == "pruned-mass" else {})
    spec = {"method": method, "criterion": criterion, "pattern": pattern, "damping": DAMPING, "shape": SHAPE}
    ours = engine("loss", inputs, spec)
    loss, grad1, grad2 = autograd(method, objective, pattern, temperature, weights, hessians, r1, r2)
    if temperature == 0:
        in_numpy = rotation_loss(method, objective, pattern, weights, hessians, r1, r2, DAMPING)
        close(in_numpy, loss, 1e-9 * loss, "NumPy loss")
    close(ours["loss"], loss, 1e-5 * loss, "loss")
    close(ours["gradR2"], grad2, 1e-4 * np.abs(grad2).max(), "gradient by R2")
    return close(ours["gradR1"], grad1, 1e-4 * np.abs(grad1).max(), "gradient by R1")


for method in ("magnitude", "wanda", "sparsegpt"):
    case(f"rotation: {method}, entropy", check, method, "entropy", PATTERNS["2:4"], 1)
    for seed, name in enumerate(PATTERNS):
        case(f"rotation: {method}, pruned-mass {name}", check, method, "pruned-mass", PATTERNS[name], 2 + seed)
for seed, name in enumerate(PATTERNS):
    case(f"rotation: wanda, soft pruned-mass {name}", check, "wanda", "pruned-mass", PATTERNS[name], 4 + seed, 0.5)
