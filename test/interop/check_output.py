"""What `denoise-rotator prune` writes is what it promises, and transformers computes with it what the engine does."""

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from harness import ROOT, case, cli, close, engine_logits, equal
from models import CONFIGS, FAMILIES, load, logits, random_ids, save, save_tokenizer, text
from reference import MODULES, fold, forward, head_size, orthogonal, read_checkpoint, split, tensor_name
from safetensors.numpy import save_file
from transformers import AutoModelForCausalLM

TOLERANCE = 1e-4
ROTATIONS = ["none", "global", "layer", "every:2"]
LAYERS = 3
BOUNDARIES = {"none": [], "global": [], "layer": [1, 2], "every:2": [2]}
#: Stored differently, pruned differently: method, sparsity, dtype, sharded. One for each rotation of each family.
RUNS = [
    ("magnitude", "50%", "F32", False),
    ("wanda", "2:4", "BF16", True),
    ("sparsegpt", "2:4", "F32", True),
    ("wanda", "60%", "F16", False),
    ("sparsegpt", "4:8", "BF16", False),
    ("magnitude", "1:4", "F32", True),
    ("sparsegpt", "50%", "F16", True),
]


def prune(folder, family, rotation, method, sparsity, dtype, sharded):
    """-> input folder, output folder, what the command printed"""
    dense, out = Path(folder) / "dense", Path(folder) / "out"
    save(family, dense, dtype, sharded)
    save_tokenizer(dense)
    (dense / "calibration.txt").write_text(text())
    options = ["--rotation", rotation, "--method", method, "--sparsity", sparsity]
    small = ["--steps", 8, "--samples", 8, "--seq-len", 32, *(["--max-shard-size", "100KB"] if sharded else [])]
    return dense, out, cli("prune", dense, "--out", out, *options, *small)


def check_config(dense, out, rotation):
    config = json.loads((dense / "config.json").read_text())
    if rotation != "none":
        config["tie_word_embeddings"] = False
    if BOUNDARIES[rotation]:
        config |= {
            "architectures": ["DenoiseRotatorForCausalLM"],
            "auto_map": {
                "AutoConfig": "configuration_denoise_rotator.DenoiseRotatorConfig",
                "AutoModelForCausalLM": "modeling_denoise_rotator.DenoiseRotatorForCausalLM",
            },
            "base_model_type": config["model_type"],
            "model_type": "denoise_rotator",
            "rotation_boundaries": BOUNDARIES[rotation],
        }
    equal(json.loads((out / "config.json").read_text()), config, "config.json")


def check_tensors(dense, out, rotation, method, sparsity):
    _, before = read_checkpoint(dense)
    _, after = read_checkpoint(out)
    added = {f"model.layers.{i}.input_rotation.weight" for i in BOUNDARIES[rotation]}
    if rotation != "none":
        added.add("lm_head.weight")
    equal(set(after), set(before) | added, "tensor names")
    norms = ["input_layernorm", "post_attention_layernorm"]
    gains = [f"model.layers.{i}.{norm}.weight" for i in range(LAYERS) for norm in norms]
    for name in gains + (["model.norm.weight"] if rotation != "none" else []):
        assert (after[name] == 1).all(), f"{name} is not folded in"
    for i in BOUNDARIES[rotation]:
        m = after[f"model.layers.{i}.input_rotation.weight"]
        close(m @ m.T, np.eye(len(m)), 0.02, "M M^T")
    after = split(json.loads((out / "config.json").read_text()), after)
    for i in range(LAYERS):
        for role in MODULES:
            check_zeros(after[tensor_name(i, role)], method, sparsity, f"layer {i} {role}")


def check_zeros(w, method, sparsity, what):
    zero = w == 0
    assert not np.signbit(w[zero]).any(), f"{what}: -0, which some 2:4 kernels take for a kept weight"
    if ":" in sparsity:
        keep, of = map(int, sparsity.split(":"))
        per_group = zero.reshape(len(w), -1, of).sum(axis=2)
        assert (per_group == of - keep).all(), f"{what}: groups with {set(per_group.flat)} zeros"
        return
    share = float(sparsity.rstrip("%")) / 100
    if method == "wanda":
        equal(set(zero.sum(axis=1)), {int(share * w.shape[1])}, f"zeros in the rows of {what}")
    else:
        equal(zero.sum(), int(share * w.size), f"zeros of {what}")


def check_generation(model):
    prompt = torch.from_numpy(random_ids(seed=5, tokens=20))
    options = {"max_new_tokens": 24, "min_new_tokens": 24, "do_sample": False, "pad_token_id": 1}
    cached = model.generate(prompt, use_cache=True, **options)
    equal(tuple(cached.shape), (2, 44), "shape of the generated ids")
    equal(cached.tolist(), model.generate(prompt, use_cache=False, **options).tolist(), "ids without cache")


def check_needs_trust(out):
    try:
        AutoModelForCausalLM.from_pretrained(out, trust_remote_code=False)
    except ValueError as error:
        assert "trust_remote_code" in str(error), error
    else:
        raise AssertionError("loads without trust_remote_code, and then without its rotations")


def check_round_trip(model, folder, ids, expected):
    model.save_pretrained(folder)
    close(logits(load(folder, rotated=True), ids), expected, 0, "logits after save_pretrained")


def check_run(family, rotation, settings):
    method, sparsity, dtype, sharded = settings
    with tempfile.TemporaryDirectory() as folder:
        dense, out, printed = prune(folder, family, rotation, method, sparsity, dtype, sharded)
        assert printed["selfTest"]["maxAbsDifference"] <= TOLERANCE, printed["selfTest"]
        equal(len(list(out.glob("*.safetensors"))) > 1, sharded, "several shards")
        check_config(dense, out, rotation)
        check_tensors(dense, out, rotation, method, sparsity)
        rotated = bool(BOUNDARIES[rotation])
        if rotated:
            check_needs_trust(out)
        model = load(out, rotated)
        ids = random_ids()
        expected = logits(model, ids)
        if rotated:
            check_round_trip(model, Path(folder) / "again", ids, expected)
        check_generation(model)
        close(forward(*read_checkpoint(out), ids[0]), expected[0], TOLERANCE, "NumPy and transformers")
        return close(engine_logits(out, ids), expected, TOLERANCE, "logits")


def rotate(family, rotation, folder):
    """-> input folder, output folder: rotated by hand, at random, and not pruned"""
    dense, out = save(family, Path(folder) / "dense"), Path(folder) / "out"
    config, tensors = read_checkpoint(dense)
    rng = np.random.default_rng(7)
    starts = [0, *BOUNDARIES[rotation]]
    r1s = [None] * LAYERS
    for i in range(LAYERS):
        r1s[i] = orthogonal(rng, config["hidden_size"]) if i in starts else r1s[i - 1]
    heads = config["num_key_value_heads"]
    r2s = [np.stack([orthogonal(rng, head_size(config)) for _ in range(heads)]) for _ in range(LAYERS)]
    config, tensors = fold(config, tensors, r1s, r2s)
    out.mkdir()
    (out / "config.json").write_text(json.dumps(config))
    single = {name: np.ascontiguousarray(t, np.float32) for name, t in tensors.items()}
    save_file(single, out / "model.safetensors", metadata={"format": "pt"})
    if BOUNDARIES[rotation]:
        for file in (ROOT / "media/modeling").glob("*.py"):
            shutil.copy(file, out)
    return dense, out


def check_unpruned(family, rotation):
    """A checkpoint that is rotated only computes what the dense one does: in NumPy, transformers and here."""
    with tempfile.TemporaryDirectory() as folder:
        dense, out = rotate(family, rotation, folder)
        ids = random_ids()
        expected = logits(load(dense), ids)
        close(forward(*read_checkpoint(out), ids[0]), expected[0], TOLERANCE, "NumPy")
        close(logits(load(out, rotated=bool(BOUNDARIES[rotation])), ids), expected, TOLERANCE, "transformers")
        return close(engine_logits(out, ids), expected, TOLERANCE, "logits")


for at, (family, rotation) in enumerate((f, r) for f in FAMILIES for r in ROTATIONS):
    settings = RUNS[at % len(RUNS)]
    label = f"{family}, --rotation {rotation}, {settings[0]} {settings[1]}, {settings[2]}"
    case(f"output: {label}", check_run, family, rotation, settings)

for family in CONFIGS:
    for rotation in ROTATIONS[1:]:
        case(f"unpruned: {family}, rotation {rotation}, equals dense", check_unpruned, family, rotation)
