"""Perplexity by `denoise-rotator eval` is that of a plain loop over transformers, tokenizer and all."""

import math
import tempfile

import torch
from check_output import prune
from harness import case, cli, equal
from models import FAMILIES, load, text
from transformers import AutoTokenizer

WINDOW = 64


def loop(model, ids):
    """The whole text tokenised once, windows that do not overlap, each scored without its first token."""
    total, count = 0.0, 0
    for start in range(0, len(ids) - WINDOW + 1, WINDOW):
        window = torch.tensor([ids[start : start + WINDOW]])
        with torch.no_grad():
            scores = model(window).logits[0, :-1].double().log_softmax(-1)
        total -= scores.gather(1, window[0, 1:, None]).sum().item()
        count += WINDOW - 1
    return math.exp(total / count), count


def compare(checkpoint, file, rotated):
    ours = cli("eval", checkpoint, "--text", file, "--seq-len", WINDOW)
    ids = AutoTokenizer.from_pretrained(checkpoint, trust_remote_code=rotated)(file.read_text()).input_ids
    equal(ids[0], 0, "first id, <s>")
    perplexity, tokens = loop(load(checkpoint, rotated), ids)
    equal(ours["tokens"], tokens, "tokens scored")
    equal(f"{ours['perplexity']:.4g}", f"{perplexity:.4g}", "perplexity to 4 digits")
    return f"{ours['perplexity']:.6g} and {perplexity:.6g}"


def check(family):
    with tempfile.TemporaryDirectory() as folder:
        dense, out, _ = prune(folder, family, "layer", "wanda", "2:4", "F32", False)
        file = dense / "evaluation.txt"
        file.write_text(text(words=2000, seed=1))
        return f"dense {compare(dense, file, False)}; pruned {compare(out, file, True)}"


for family in FAMILIES:
    case(f"perplexity: {family}, dense and with rotations", check, family)
