"""The rotation step of the paper (arXiv:2505.23049) in plain PyTorch, to time beside ours on the same card and shape.

R1 and every R2 are the Q of a QR factorisation of a free matrix (float32, as PyTorch has no other QR), the weights and
their products are bfloat16, the entropies float32; gradients by autograd, norm clipped to 1, Adam. SparseGPT's
importance: w'^2 / diag(R^T H^-1 R).

    python3 test/bench/peer_rotation.py [--shape 8b|70b|tiny] [--steps 10] [--out peer.json]

Shapes: weights [out, in], R1 [d, d], R2 [kv heads, head size, head size].
"""
import argparse
import json
import time

import torch

SHAPES = {
    "8b": dict(d=4096, heads=32, kv=8, hd=128, ffn=14336),
    "70b": dict(d=8192, heads=64, kv=8, hd=128, ffn=28672),
    "tiny": dict(d=64, heads=4, kv=2, hd=16, ffn=128),
}


def entropy(s, dim):
    """Sum of the entropies of `s` normalised along `dim`."""
    total = s.sum(dim, keepdim=True).clamp_min(1e-30)
    p = s / total
    return -(p * p.clamp_min(1e-30).log()).sum()


class Layer:
    def __init__(self, d, heads, kv, hd, ffn, device):
        self.d, self.heads, self.kv, self.hd = d, heads, kv, hd
        sizes = dict(q=(heads * hd, d), k=(kv * hd, d), v=(kv * hd, d), o=(d, heads * hd),
                     gate=(ffn, d), up=(ffn, d), down=(d, ffn))
        self.w = {n: torch.randn(s, device=device, dtype=torch.bfloat16) for n, s in sizes.items()}

        def inverse(n):
            x = torch.randn(n + 64, n, device=device) * torch.randn(n, device=device).exp()
            h = x.T @ x / n
            h.diagonal().add_(0.01 * h.diagonal().mean())
            return torch.linalg.inv(h)

        self.inv = {"qkv": inverse(d).bfloat16(), "mlp": inverse(d).bfloat16()}
        o = inverse(heads * hd)
        self.inv_o = torch.stack([o[i * hd:(i + 1) * hd, i * hd:(i + 1) * hd] for i in range(heads)]).bfloat16()
        self.down = torch.rand(ffn, device=device) + 0.5

    def loss(self, r1, r2):
        d, heads, kv, hd, w = self.d, self.heads, self.kv, self.hd, self.w
        group = r2.repeat_interleave(heads // kv, 0)

        def factor(inv):
            return 1 / ((inv @ r1) * r1).float().sum(0).abs().clamp_min(1e-12)

        c_qkv, c_mlp = factor(self.inv["qkv"]), factor(self.inv["mlp"])
        c_o = 1 / ((self.inv_o @ group) * group).float().sum(1).abs().clamp_min(1e-12).flatten()

        def importance(y, c):
            return y.float().square() * c

        total = 0
        for name, c in (("q", c_qkv), ("k", c_qkv), ("gate", c_mlp), ("up", c_mlp)):
            total = total + entropy(importance(w[name] @ r1, c), 1)
        v = (r2.transpose(1, 2) @ (w["v"] @ r1).view(kv, hd, d)).reshape(kv * hd, d)
        o = ((r1.T @ w["o"]).view(d, heads, hd).transpose(0, 1) @ group).transpose(0, 1).reshape(d, heads * hd)
        for y, c in ((v, c_qkv), (o, c_o)):
            s = importance(y, c)
            total = total + entropy(s, 1) + entropy(s, 0)
        return total + entropy(importance(r1.T @ w["down"], self.down), 0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--shape", default="8b", choices=SHAPES)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out")
    args = parser.parse_args()
    torch.manual_seed(0)
    layer = Layer(**SHAPES[args.shape], device=args.device)
    a = torch.nn.Parameter(torch.eye(layer.d, device=args.device))
    b = torch.nn.Parameter(torch.eye(layer.hd, device=args.device).repeat(layer.kv, 1, 1))
    adam = torch.optim.Adam([a, b], lr=0.01)

    def wait():
        if args.device == "cuda":
            torch.cuda.synchronize()

    def step():
        adam.zero_grad()
        loss = layer.loss(torch.linalg.qr(a)[0].bfloat16(), torch.linalg.qr(b)[0].bfloat16())
        loss.backward()
        torch.nn.utils.clip_grad_norm_([a, b], 1.0)
        adam.step()
        # As every training loop does: the best loss is remembered.
        return loss.item()

    first = step()
    for _ in range(2):
        step()
    wait()
    times = []
    for _ in range(args.steps):
        start = time.perf_counter()
        last = step()
        wait()
        times.append(time.perf_counter() - start)
    times.sort()
    cuda = args.device == "cuda"
    result = {
        "shape": args.shape,
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if cuda else "cpu",
        "step_ms": round(1000 * times[len(times) // 2], 2),
        "fastest_ms": round(1000 * times[0], 2),
        "peak_gb": round(torch.cuda.max_memory_allocated() / 1e9, 2) if cuda else None,
        "entropy": [first, last],
    }
    print(json.dumps(result))
    if args.out:
        with open(args.out, "w") as file:
            json.dump(result, file)


main()
