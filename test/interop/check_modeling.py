"""What `media/modeling` says transformers can do with a rotated checkpoint, it does: as with the dense one."""

import tempfile

import numpy as np
import torch
from accelerate import cpu_offload
from check_output import TOLERANCE, rotate
from harness import case, close, equal
from models import CONFIGS, load, logits, random_ids

PAD = 1


def check_left_padding(_, rotated):
    """Prompts of different lengths in one batch go on as each does alone."""
    short, long = random_ids(1, batch=1, tokens=12), random_ids(2, batch=1, tokens=20)
    padding = np.full((1, 8), PAD)
    batch = torch.from_numpy(np.vstack([np.hstack([padding, short]), long]))
    mask = torch.from_numpy(np.vstack([np.hstack([padding * 0, short * 0 + 1]), long * 0 + 1]))
    together = generate(rotated, batch, attention_mask=mask)
    for row, alone in enumerate([short, long]):
        expected = generate(rotated, torch.from_numpy(alone))[0, alone.shape[1] :]
        equal(together[row, 20:].tolist(), expected.tolist(), f"ids behind prompt {row}")


def check_static_cache(_, rotated):
    prompt = torch.from_numpy(random_ids(3, tokens=12))
    static = generate(rotated, prompt, cache_implementation="static")
    equal(static.tolist(), generate(rotated, prompt).tolist(), "ids with a static cache")


def generate(model, ids, **options):
    return model.generate(ids, max_new_tokens=12, min_new_tokens=12, do_sample=False, pad_token_id=PAD, **options)


def check_eager(_, rotated):
    """All layers give hidden states and attentions, and attention written out computes the same."""
    expected = logits(rotated, random_ids())
    rotated.set_attn_implementation("eager")
    with torch.no_grad():
        result = rotated(torch.from_numpy(random_ids()), output_hidden_states=True, output_attentions=True)
    layers = rotated.config.num_hidden_layers
    equal((len(result.hidden_states), len(result.attentions)), (layers + 1, layers), "hidden states and attentions")
    return close(result.logits.numpy(), expected, TOLERANCE, "logits")


def check_training(dense, rotated):
    """The loss is the dense model's, and its gradients do not depend on checkpointing."""
    ids = torch.from_numpy(random_ids())
    labels = ids.clone()
    labels[:, :5] = -100
    expected = dense(ids, labels=labels).loss.item()
    gradients = []
    rotated.train()
    for prepare in (rotated.gradient_checkpointing_disable, rotated.gradient_checkpointing_enable):
        prepare()
        loss = rotated(ids, labels=labels, use_cache=False).loss
        loss.backward()
        close(loss.item(), expected, TOLERANCE, "loss")
        gradients.append({name: p.grad.numpy().copy() for name, p in rotated.named_parameters()})
        rotated.zero_grad()
    for name, gradient in gradients[0].items():
        assert np.any(gradient), f"{name} has no gradient"
        close(gradients[1][name], gradient, 1e-5 * np.abs(gradient).max(), f"gradient of {name}")


def check_offload(_, rotated):
    """Weights that lie elsewhere and come module by module."""
    expected = logits(rotated, random_ids())
    return close(logits(cpu_offload(rotated, "cpu"), random_ids()), expected, 0, "logits")


def check(what, family):
    with tempfile.TemporaryDirectory() as folder:
        dense, out = rotate(family, "layer", folder)
        return what(load(dense), load(out, rotated=True))


CHECKS = [check_left_padding, check_static_cache, check_eager, check_training, check_offload]
for family in CONFIGS:
    for what in CHECKS:
        case(f"modeling: {family}, {what.__name__.removeprefix('check_')}", check, what, family)
