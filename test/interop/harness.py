"""Cases, collected, run one by one and counted; and the programs they ask: the engine and the command line."""

import json
import os
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

ROOT = Path(__file__).resolve().parents[2]
CASES = []


def case(name, function, *arguments):
    """Adds a case: it fails if the function raises; what the function returns is shown beside its name."""
    CASES.append((name, function, arguments))


def run(pattern):
    """Runs the cases whose name contains `pattern`; the last line is the count. Returns how many failed."""
    chosen = [entry for entry in CASES if pattern in entry[0]]
    failed = 0
    for name, function, arguments in chosen:
        try:
            note = function(*arguments)
            print(f"  ok      {name}{f'  ({note})' if note else ''}", flush=True)
        except Exception:
            failed += 1
            print(f"  FAILED  {name}", flush=True)
            traceback.print_exc(limit=-3, file=sys.stdout)
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return failed


def equal(actual, expected, what="values"):
    assert actual == expected, f"{what}: {actual!r}, expected {expected!r}"


def close(actual, expected, tolerance, what="values"):
    """max |actual - expected| <= tolerance; returns that maximum as a note."""
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    equal(actual.shape, expected.shape, f"shape of {what}")
    worst = float(np.max(np.abs(actual - expected)))
    assert worst <= tolerance, f"{what} differ by up to {worst:.3g}, more than {tolerance:.3g}"
    return f"{what} within {worst:.1e}"


def engine(command, inputs, spec=None, checkpoint=None):
    """One question to the engine's inner rooms (engine.ts): arrays in, arrays out."""
    with tempfile.TemporaryDirectory() as folder:
        question, answer = f"{folder}/in.safetensors", f"{folder}/out.safetensors"
        arrays = {
            name: np.ascontiguousarray(a, np.int32 if a.dtype.kind == "i" else np.float32) for name, a in inputs.items()
        }
        save_file(arrays, question, metadata={"spec": json.dumps(spec)})
        paths = [question, answer] if checkpoint is None else [str(checkpoint), question, answer]
        node([str(ROOT / "out/interop/engine.mjs"), command, *paths])
        return load_file(answer)


def engine_logits(checkpoint, ids):
    """ids [B, T] -> [B, T, vocabulary]"""
    return engine("logits", {"ids": ids}, checkpoint=checkpoint)["logits"]


def cli(*arguments):
    """Runs `denoise-rotator … --json` and returns what it printed."""
    done = node([str(ROOT / "dist/cli.js"), *map(str, arguments), "--device", "wasm", "--json"])
    return json.loads(done.stdout)


def node(arguments):
    program = os.environ.get("DENOISE_ROTATOR_NODE", "node")
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    said = (done.stderr + done.stdout)[-2000:]
    assert done.returncode == 0, f"{' '.join(arguments)} ended with {done.returncode}:\n{said}"
    return done
