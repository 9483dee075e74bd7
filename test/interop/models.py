"""Tiny random checkpoints made and loaded by transformers itself, with a tokenizer and a text to go with them."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)

torch.set_num_threads(1)
transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()

VOCABULARY = 320
#: Longer than every sliding window and than the context of the llama3 scaling.
TOKENS = 48
COMMON = {
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "initializer_range": 0.1,
    "bos_token_id": 0,
    "eos_token_id": 1,
}
LLAMA3_SCALING = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
CONFIGS = {
    "llama": lambda: LlamaConfig(**COMMON, rope_theta=500000.0, rope_scaling=dict(LLAMA3_SCALING)),
    "qwen2": lambda: Qwen2Config(**COMMON, tie_word_embeddings=True, rope_theta=1000000.0),
    "qwen2-sliding": lambda: Qwen2Config(**COMMON, use_sliding_window=True, sliding_window=12, max_window_layers=1),
    "qwen3": lambda: Qwen3Config(**COMMON, head_dim=24, tie_word_embeddings=True, rope_theta=1000000.0),
    "qwen3-sliding": lambda: Qwen3Config(
        **COMMON, head_dim=16, attention_bias=True, use_sliding_window=True, sliding_window=12, max_window_layers=1
    ),
    "phi3": lambda: Phi3Config(**COMMON, pad_token_id=None, sliding_window=12),
    "mistral": lambda: MistralConfig(**COMMON, sliding_window=12, head_dim=24),
}
FAMILIES = ["llama", "qwen2", "mistral", "qwen3", "phi3"]
DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def save(name, folder, dtype="F32", sharded=False):
    """Writes the checkpoint `name` with norm gains and biases that are not what they are initialised to."""
    torch.manual_seed(list(CONFIGS).index(name))
    model = AutoModelForCausalLM.from_config(CONFIGS[name]())
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "norm" in key:
                parameter.copy_(1 + 0.3 * torch.randn_like(parameter))
            if key.endswith("bias"):
                parameter.copy_(0.5 * torch.randn_like(parameter))
    model.to(DTYPES[dtype]).save_pretrained(folder, max_shard_size="100KB" if sharded else "1GB")
    return folder


def load(folder, rotated=False):
    """As transformers loads it, in float32; nothing may be missing, left over or newly made."""
    keyword = "dtype" if transformers.__version__ >= "4.56" else "torch_dtype"
    model, info = AutoModelForCausalLM.from_pretrained(
        folder, trust_remote_code=rotated, output_loading_info=True, **{keyword: torch.float32}
    )
    assert not any(info.values()), f"{folder}: {info}"
    return model.eval()


def logits(model, ids):
    """ids [B, T] -> float64 [B, T, vocabulary]"""
    with torch.no_grad():
        return model(torch.from_numpy(np.asarray(ids, np.int64))).logits.double().numpy()


def random_ids(seed=0, batch=2, tokens=TOKENS):
    return np.random.default_rng(seed).integers(2, VOCABULARY, size=(batch, tokens))


def text(words=6000, seed=0):
    """Made-up words, some far more frequent than others, in sentences."""
    rng = np.random.default_rng(seed)
    syllables = ["ka", "ro", "mi", "ten", "sul", "ba", "ve", "dor", "\u00e9l", "zu", "na", "pi"]
    lexicon = ["".join(rng.choice(syllables, size=rng.integers(1, 4))) for _ in range(200)]
    frequency = 1 / np.arange(1, len(lexicon) + 1)
    chosen = rng.choice(lexicon, size=words, p=frequency / frequency.sum())
    ends = rng.choice([" ", " ", " ", " ", ", ", ". ", ".\n"], size=words)
    return "".join(word + end for word, end in zip(chosen, ends, strict=True))


def save_tokenizer(folder):
    """A byte-level BPE of VOCABULARY entries that begins every text with <s>."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([text()], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>").save_pretrained(folder)
