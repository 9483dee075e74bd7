/** The long part of `--help`: examples to copy, and what a person should know before they start. */

export const CHECKPOINT =
  "Hugging Face folder, its config.json, a .safetensors file or a .safetensors.index.json";

export const MAIN = `
Examples:
  denoise-rotator devices
  denoise-rotator inspect ./Llama-3.2-1B
  denoise-rotator download meta-llama/Llama-3.2-1B
  denoise-rotator prune ./Llama-3.2-1B --out ./Llama-3.2-1B-2-4 --calibration c4
  denoise-rotator eval ./Llama-3.2-1B-2-4 --text wikitext2

Exit codes: 0 done, 1 failed, 2 bad usage or input (also a dry run whose run would lack disk or memory), 130 cancelled.
With --json, stdout gets one JSON object and nothing else ({"error": {"code", "message"}} on failure);
progress goes to stderr. NO_COLOR turns colours off, FORCE_COLOR=1 on.
`;

export const PRUNE = `
Examples:
  The defaults: SparseGPT, 2:4, a rotation a layer, calibration.* of the checkpoint's own folder
    denoise-rotator prune ./model --out ./model-2-4

  Half of the weights anywhere, calibrated on C4, perplexity before and after
    denoise-rotator prune ./model --out ./model-50 --sparsity 50% \\
      --calibration c4 --text wikitext2

  A plain checkpoint that any program loads: one rotation for all layers, folded in completely
    denoise-rotator prune ./model --out ./model-2-4 --rotation global

  What it would take, and what becomes of every tensor, without doing it
    denoise-rotator prune ./model --out ./model-2-4 --dry-run

  Go on after Ctrl-C, a crash or a power cut
    denoise-rotator prune ./model --out ./model-2-4 --resume

Notes:
  • The output is as large as the input: pruned weights are stored as zeros. Memory and time are saved only by a
    runtime that uses the pattern, on hardware that has it: for 2:4, NVIDIA GPUs from Ampere on with TensorRT-LLM or
    PyTorch's semi-structured tensors. vLLM has dropped it. No runtime is known to gain from unstructured 50 %.
  • --rotation layer and every:K need a matrix between layers that do not share a rotation (hidden size squared
    each). The output has a small modelling file for them: load it with trust_remote_code=True. --rotation global
    needs none and loses more quality; --rotation none is the plain method.
  • Pruning costs quality in any case, most of all 2:4 on small models: measure with --text or eval, on text that was
    not used for calibration.
  • c4 (first training shard, 320 MB) and wikitext2 are fetched once, into denoise-rotator of the cache folder
    (XDG_CACHE_HOME or ~/.cache); without a network the message names the file to put there. A file that is called
    c4 is given as ./c4. With --dry-run nothing is fetched.
  • Calibration text should be like what the model was trained on. --samples windows are cut from all files together.
  • The work folder .denoise-rotator beside the output holds every finished layer; it is removed at the end. A
    resumed run ends with the same bytes as one that was never stopped.
  • Figures repeat exactly with the same seed on the same device; between devices they differ by rounding.
`;

export const EVAL = `
Examples:
  denoise-rotator eval ./model --text wikitext2
  denoise-rotator eval ./model --text wikitext2.test.txt
  denoise-rotator eval ./model --text valid.jsonl --field content --seq-len 512 --max-windows 100 --json
  denoise-rotator eval ./model --tasks piqa,hellaswag,arc_easy,arc_challenge,winogrande --task-data ./data

Notes:
  • Perplexity the field's way: the whole text is tokenised once (special tokens as the tokenizer adds them), cut into
    windows of --seq-len that do not overlap, and every token of a window but its first is scored.
  • Two figures compare only with the same text, tokenizer and --seq-len: all three are in the output.
  • Accuracy as lm-evaluation-harness measures it, zero-shot: its prompts, its normalisation (acc_norm), its standard
    errors; the version it follows is in the output. --task-data has files or folders named after the tasks, such as
    piqa.jsonl, hellaswag_val.jsonl.gz, ARC-Easy/test-00000-of-00001.parquet, in the data sets' own layouts.
  • Outputs of prune are read with their rotations, no Python needed.
`;

export const INSPECT = `
Examples:
  denoise-rotator inspect ./model
  denoise-rotator inspect ./model --no-statistics
  denoise-rotator inspect model.safetensors --tensor model.layers.0.mlp.up_proj.weight
  denoise-rotator inspect ./model --json | jq '.tensors[] | select(.zeros > 0.4) | .name'

Notes:
  • Any valid safetensors file is shown, whatever the model. Nothing is ever written.
  • Zeros and patterns need the data, which is read once and piece by piece. For people, data of more than 8 GB is left
    alone unless --statistics asks for it; --json always counts unless --no-statistics is given.
  • A pattern N:M is reported where every M consecutive values of a row have at most N that are not zero.
`;

export const DOWNLOAD = `
Examples:
  denoise-rotator download Qwen/Qwen2.5-0.5B
  denoise-rotator download meta-llama/Llama-3.2-1B --out ./models/llama
  denoise-rotator download mistralai/Mistral-7B-v0.1@main --json

Notes:
  • Only what the other commands read, and the licence: safetensors weights, config, tokenizer. Never pickles (.bin,
    .pth) and never code (.py).
  • Every file is checked against the hub's checksum and appears whole or not at all. After Ctrl-C or a broken line the
    same command goes on where it stopped; on a finished folder it checks all files again.
  • The commit is written to .denoise-rotator-source.json in the folder; files of another commit are not mixed in.
  • The token: --token (which other users of the machine can see), HF_TOKEN, HUGGING_FACE_HUB_TOKEN, the file
    HF_TOKEN_PATH or what the hub's own login left. It is sent to the hub and nowhere else.
  • HF_ENDPOINT names another hub. HF_HUB_OFFLINE=1 forbids the network.
`;

export const DEVICES = `
Example:
  denoise-rotator devices

Shows what can compute on this machine, what is missing, and the one command that brings it.

  • cuda needs the NVIDIA driver, cuBLAS and NVRTC of CUDA 12 or 13, from a toolkit, a conda or a Python environment
    (PyTorch brings both). DENOISE_ROTATOR_CUDA=<folder> is searched first; off leaves CUDA alone.
    DENOISE_ROTATOR_CUDA_PRECISION=f32 multiplies in full float32, several times slower.
  • With several GPUs, --device cuda:1 takes the second; CUDA_VISIBLE_DEVICES hides some.
`;
