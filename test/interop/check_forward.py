"""The engine reads what transformers writes, and computes what transformers computes."""

import tempfile

from harness import case, close, engine_logits
from models import CONFIGS, DTYPES, load, logits, random_ids, save
from reference import forward, read_checkpoint

#: In float32, on logits of order 1 to 10.
TOLERANCE = 1e-4


def compare(name, dtype, sharded):
    with tempfile.TemporaryDirectory() as folder:
        save(name, folder, dtype, sharded)
        ids = random_ids()
        expected = logits(load(folder), ids)
        config, tensors = read_checkpoint(folder)
        close(forward(config, tensors, ids[0]), expected[0], TOLERANCE, "NumPy and transformers")
        return close(engine_logits(folder, ids), expected, TOLERANCE, "logits")


for name in CONFIGS:
    for dtype in DTYPES:
        for sharded in (False, True):
            layout = "sharded" if sharded else "single file"
            case(f"forward: {name}, {dtype}, {layout}", compare, name, dtype, sharded)
