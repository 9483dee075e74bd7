"""`config.json` is read as transformers reads it: what is absent or null, and features that few checkpoints use."""

import json
import tempfile
from pathlib import Path

import torch
from harness import case, close, engine_logits
from models import COMMON, load, logits, random_ids
from transformers import AutoModelForCausalLM, LlamaConfig, MistralConfig, Phi3Config, Qwen2Config, Qwen3Config

ROPE_KEYS = ["rope_parameters", "rope_theta", "rope_scaling"]


def check(config, changed=None, absent=()):
    """Saves a random model of `config`, edits its config.json by hand, and compares what both make of that."""
    with tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(3)
        model = AutoModelForCausalLM.from_config(config)
        with torch.no_grad():
            for key, parameter in model.named_parameters():
                if key.endswith("bias"):
                    parameter.copy_(0.5 * torch.randn_like(parameter))
        model.save_pretrained(folder)
        file = Path(folder) / "config.json"
        edited = json.loads(file.read_text()) | (changed or {})
        file.write_text(json.dumps({key: value for key, value in edited.items() if key not in absent}))
        ids = random_ids()
        return close(engine_logits(folder, ids), logits(load(folder), ids), 1e-4, "logits")


def llama(**options):
    return LlamaConfig(**(COMMON | options))


def qwen2(**options):
    return Qwen2Config(**(COMMON | options))


def qwen3(**options):
    return Qwen3Config(**(COMMON | options))


def phi3(**options):
    return Phi3Config(**(COMMON | {"pad_token_id": None} | options))


def mistral(**options):
    return MistralConfig(**(COMMON | options))


EIGHT = {"num_attention_heads": 8, "num_key_value_heads": 8}
FOUR = {"num_attention_heads": 4, "num_key_value_heads": 4}
THIRTY_TWO = {"num_attention_heads": 32, "num_key_value_heads": 32, "hidden_size": 128}
SLIDING = {"use_sliding_window": True, "sliding_window": 12, "max_window_layers": 1}
SCALED = {"max_position_embeddings": 32}
OLD_LLAMA3 = {
    "rope_theta": 20000.0,
    "rope_scaling": {
        "type": "llama3",
        "rope_type": "llama3",
        "factor": 4.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 32,
    },
}

LINEAR = {"rope_scaling": {"rope_type": "linear", "factor": 2.0}}
DYNAMIC = {"rope_scaling": {"type": "dynamic", "factor": 2.0, "original_max_position_embeddings": 16}}
DEFAULTS = [*ROPE_KEYS, "num_key_value_heads", "head_dim", "rms_norm_eps", "tie_word_embeddings", "hidden_act"]
TYPES = {"layer_types": ["sliding_attention", "full_attention", "sliding_attention"]}
NO_TYPES = ["layer_types"]
KV = "num_key_value_heads"


def add(name, config, changed=None, absent=()):
    case(f"config: {name}", check, config, changed, absent)


add("llama, all that has a default is absent", llama(**FOUR), absent=DEFAULTS)
add("llama, biases in attention and MLP", llama(attention_bias=True, mlp_bias=True))
add("llama, head_dim of its own", llama(head_dim=24))
add("llama, linear scaling", llama(**SCALED, rope_scaling={"rope_type": "linear", "factor": 2.0}))
add("llama, dynamic scaling", llama(**SCALED, rope_scaling={"rope_type": "dynamic", "factor": 2.0}))
add("llama, dynamic scaling, original context given", llama(**SCALED), DYNAMIC, ["rope_parameters"])
add("llama, scaling added by hand to the layout of transformers 5", llama(**SCALED, rope_theta=20000.0), LINEAR)
add("llama, layout of transformers 4", llama(), OLD_LLAMA3, ["rope_parameters"])
add(f"qwen2, {KV} absent", qwen2(**THIRTY_TWO), absent=[KV])
add(f"qwen2, {KV} null", qwen2(**FOUR), {KV: None})
add("qwen2, sliding window unused", qwen2(**SLIDING), {"use_sliding_window": False}, NO_TYPES)
add("qwen2, sliding layers by max_window_layers", qwen2(**SLIDING), absent=NO_TYPES)
add("qwen2, sliding layers by layer_types", qwen2(**SLIDING), TYPES)
add("qwen3, head_dim absent", qwen3(head_dim=128), absent=["head_dim"])
add("qwen3, sliding window unused", qwen3(**SLIDING), {"use_sliding_window": False}, NO_TYPES)
add("qwen3, sliding layers by layer_types", qwen3(**SLIDING), TYPES)
add(f"phi3, {KV} absent", phi3(**FOUR), absent=[*ROPE_KEYS, KV, "rms_norm_eps"])
add("phi3, sliding_window null", phi3(), {"sliding_window": None})
add(f"mistral, {KV} absent", mistral(**EIGHT), absent=[KV])
add("mistral, sliding_window absent", mistral(), absent=["sliding_window"])
add("mistral, sliding_window null", mistral(sliding_window=None))
