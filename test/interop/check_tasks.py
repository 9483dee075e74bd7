"""Zero-shot accuracies are those of lm-evaluation-harness: the same files, the same checkpoint, item by item.

Its own task definitions are included and only told to read local files; nothing of ours builds its prompts.
"""

import contextlib
import importlib.util
import io
import json
import os
import tempfile
from pathlib import Path

from harness import ROOT, case, cli, close, equal
from models import load, save, save_tokenizer, text

# Read when `datasets` is first imported, which is when a case runs.
os.environ["HF_DATASETS_CACHE"] = str(ROOT / ".cache/interop-datasets")
INSTALLED = importlib.util.find_spec("lm_eval") is not None
#: The version whose semantics are followed; requirements.txt names the same.
HARNESS = "lm-evaluation-harness 0.4.13"
DEFINITIONS = {
    "piqa": ("piqa/piqa.yaml", "validation"),
    "hellaswag": ("hellaswag/hellaswag.yaml", "validation"),
    "arc_easy": ("arc/arc_easy.yaml", "test"),
    "arc_challenge": ("arc/arc_challenge.yaml", "test"),
    "winogrande": ("winogrande/default.yaml", "validation"),
}
ROWS = 24


def words(count, seed):
    return text(words=count, seed=seed).strip()


def choice(row, n):
    """Answers of one token and of many, of several alphabets, some alike, some with spaces at their ends."""
    alphabets = "\u65e5\u672c caf\u00e9 \U0001f44d"
    answers = ["ka", " ro  mi", words(1 + 3 * n, row), alphabets, "ka ", f"{row} % [b]x[/b] [title] y"]
    return answers[(row + n) % len(answers)]


def piqa(row):
    # One goal is longer than the context of the model, and one is nothing.
    goal = words(400, row) if row == 3 else "" if row == 5 else words(3 + row, row)
    return {"goal": goal, "sol1": choice(row, 1), "sol2": choice(row, 2), "label": row % 2}


def hellaswag(row):
    return {
        "activity_label": ["Personal Care", "\u00c9cole", " Home  "][row % 3],
        "ctx_a": ["[header] How to ka [title] Ro. [step] Mi  ten .", words(9, row), "\ttwo\n lines "][row % 3],
        "ctx_b": ["", "she SAID", ", then", "\u00e9lAn", "\u00dfa"][row % 5],
        "endings": [choice(row, n) for n in range(4)],
        "label": str(row % 4),
    }


def arc(row):
    labels = ["1", "2", "3", "4"] if row % 2 else ["A", "B", "C", "D", "E"]
    return {
        "id": str(row),
        "question": words(4 + row, row),
        "choices": {"text": [choice(row, n) for n in range(len(labels))], "label": labels},
        "answerKey": labels[row % len(labels)],
    }


def winogrande(row):
    before, after = words(3 + row, row), words(2 + row % 5, 100 + row)
    sentence = f"{before} _ {after}" if row % 4 else f"_{after} _ twice."
    return {"sentence": sentence, "option1": choice(row, 0), "option2": choice(row, 2), "answer": str(1 + row % 2)}


MAKERS = {"piqa": piqa, "hellaswag": hellaswag, "arc_easy": arc, "arc_challenge": arc, "winogrande": winogrande}


def write_data(folder):
    """One file a task, where both programs look; and a definition that includes the harness's own."""
    import lm_eval

    theirs = Path(lm_eval.__file__).parent / "tasks"
    for task, (definition, split) in DEFINITIONS.items():
        file = folder / f"{task}.jsonl"
        rows = [MAKERS[task](row) for row in range(ROWS)]
        file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        splits = {name: None for name in ("training_split", "validation_split", "test_split")}
        local = {
            "include": str(theirs / definition),
            "task": f"local_{task}",
            "dataset_path": "json",
            "dataset_name": None,
            "dataset_kwargs": {"data_files": {split: str(file)}},
            **splits,
            f"{split}_split": split,
        }
        # JSON is YAML.
        (folder / f"local_{task}.yaml").write_text(json.dumps(local))


def harness_results(checkpoint, data):
    """Its command's defaults; the model is the one transformers loads, in float32."""
    import lm_eval
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    lm = HFLM(pretrained=load(checkpoint), tokenizer=tokenizer, batch_size=8, device="cpu")
    manager = TaskManager(include_path=str(data), include_defaults=False)
    names = [f"local_{task}" for task in DEFINITIONS]
    return lm_eval.simple_evaluate(model=lm, tasks=names, task_manager=manager, log_samples=True, verbosity="ERROR")


def compare(checkpoint, data):
    # Progress bars; what goes wrong is raised.
    with contextlib.redirect_stderr(io.StringIO()):
        theirs = harness_results(checkpoint, data)
    log = data / "samples.log"
    asked = ["--tasks", ",".join(DEFINITIONS), "--task-data", data, "--batch-tokens", 300]
    ours = cli("eval", checkpoint, *asked, "--log-samples", log)["tasks"]
    equal(ours["harness"], HARNESS)
    samples = [json.loads(line) for line in log.read_text().splitlines()]
    worst = []
    for task in DEFINITIONS:
        expected = theirs["results"][f"local_{task}"]
        got = ours["results"][task]
        equal(got["items"], ROWS, f"{task}: items")
        equal(got["version"], str(theirs["versions"][f"local_{task}"]), f"{task}: version")
        for metric in ("acc", "acc_norm"):
            equal(metric in got, f"{metric},none" in expected, f"{task} has {metric}")
            if metric in got:
                close(got[metric], expected[f"{metric},none"], 1e-9, f"{task}: {metric}")
                close(got[f"{metric}_stderr"], expected[f"{metric}_stderr,none"], 1e-9, f"{task}: {metric}_stderr")
        per_item = {s["doc_id"]: s for s in theirs["samples"][f"local_{task}"]}
        for sample in (s for s in samples if s["task"] == task):
            answers = [float(answer[0][0]) for answer in per_item[sample["item"]]["resps"]]
            note = close(sample["logLikelihoods"], answers, 1e-3, f"{task}, item {sample['item']}: log-likelihoods")
            worst.append(float(note.rsplit(" ", 1)[1]))
    equal(len(worst), ROWS * len(DEFINITIONS), "items compared")
    return f"{len(worst)} items, log-likelihoods within {max(worst):.1e}"


def check(family, with_bos):
    if not INSTALLED:
        return "skipped: lm_eval is not installed in this environment"
    with tempfile.TemporaryDirectory() as folder:
        checkpoint, data = Path(folder, "model"), Path(folder, "data")
        data.mkdir()
        save(family, checkpoint)
        save_tokenizer(checkpoint)
        if not with_bos:
            file = checkpoint / "tokenizer.json"
            file.write_text(json.dumps({**json.loads(file.read_text()), "post_processor": None}))
        write_data(data)
        return compare(checkpoint, data)


for name, bos in [("llama", True), ("qwen2", False), ("mistral", True)]:
    case(f"tasks: {name}, {'with' if bos else 'without'} <s>, as lm_eval measures", check, name, bos)
