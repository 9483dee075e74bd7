/** The commands and options as the argument parser knows them. Values are read in `options.ts`, not here. */
import { Command, Option } from "commander";
import type { OutputConfiguration } from "commander";
import { TASK_NAMES } from "../vocabulary.ts";
import * as help from "./help.ts";
import type { RawOptions } from "./rawOptions.ts";
import type { Style } from "./terminal/style.ts";

export interface Actions {
  readonly prune: (checkpoint: string, raw: RawOptions) => Promise<void>;
  readonly eval: (checkpoint: string, raw: RawOptions) => Promise<void>;
  readonly inspect: (checkpoint: string, raw: RawOptions) => Promise<void>;
  readonly download: (repository: string, raw: RawOptions) => Promise<void>;
  readonly devices: (raw: RawOptions) => Promise<void>;
  readonly demo: (raw: RawOptions) => Promise<void>;
}

export function createProgram(
  version: string,
  actions: Actions,
  output: OutputConfiguration,
  style: Style,
): Command {
  const program = new Command("denoise-rotator")
    .description(
      "Makes large language models sparse: learns rotations that concentrate what matters in fewer weights, " +
        "folds them into the weights, and prunes with Magnitude, Wanda or SparseGPT.",
    )
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .configureHelp({
      styleTitle: style.bold,
      styleCommandText: style.cyan,
      styleOptionTerm: style.cyan,
      styleArgumentTerm: style.cyan,
      styleSubcommandTerm: style.cyan,
    })
    .configureOutput(output)
    .exitOverride()
    .addHelpText("after", help.MAIN);
  addPrune(program, actions);
  addEval(program, actions);
  addInspect(program, actions);
  addDownload(program, actions);
  program
    .command("devices")
    .description("list what can compute on this machine, what is missing and how to get it")
    .addOption(json())
    .addHelpText("after", help.DEVICES)
    .action(actions.devices);
  // The demonstration of `npm start`; it needs the sample of the repository.
  program
    .command("demo", { hidden: true })
    .description("prune the bundled sample with every method and compare")
    .option("--out <dir>", "output folder (default out/sample)")
    .action(actions.demo);
  return program;
}

const DEVICE =
  "auto, cuda (cuda:1 the second GPU, cuda:0,1 two), tensorflow, webgpu or wasm (default auto: the best there is)";
const json = () => new Option("--json", "print one JSON object on stdout and nothing else there");

function addPrune(program: Command, actions: Actions): void {
  program
    .command("prune")
    .description("rotate and prune a checkpoint; writes a new one, never the old")
    .usage("<checkpoint> --out <dir> [options]")
    .argument("<checkpoint>", help.CHECKPOINT)
    .requiredOption("-o, --out <dir>", "output folder; new, or empty")
    .optionsGroup("What to delete:")
    .option("--method <name>", "magnitude, wanda or sparsegpt (default sparsegpt)")
    .option(
      "--sparsity <pattern>",
      "0.5 or 50% of the weights, or N:M such as 2:4, 4:8: keeps N of every M (default 2:4)",
    )
    .option(
      "--sparsity-profile <p>",
      "spread a share over the layers: uniform, owl (layers with more outliers keep more), or a JSON file with " +
        "one ratio per layer (default uniform)",
    )
    .option("--damping <x>", "damping of the Hessian, relative to its mean diagonal (default 0.01)")
    .option("--block-size <n>", "columns SparseGPT works on at a time (default 128)")
    .optionsGroup("Rotation:")
    .option("--rotation <scope>", "layer, every:K layers, global or none (default layer)")
    .option(
      "--objective <name>",
      "pruned-mass (what the pattern would delete) or entropy (the paper's) (default pruned-mass)",
    )
    .option("--steps <n>", "steps of the optimizer (default 200 for pruned-mass, 400 for entropy)")
    .option("--learning-rate <x>", "initial learning rate (default 0.8 / √hidden size)")
    .option(
      "--no-regroup",
      "for N:M, leave columns and FFN neurons where they are (default: they are reordered so that groups lose less)",
    )
    .optionsGroup("Calibration:")
    .option(
      "--calibration <file...>",
      "c4, wikitext2, or plain text, JSONL, Parquet, .gz too (default calibration.* beside the weights)",
    )
    .option("--field <name>", "field of JSONL and Parquet rows that holds the text (default text)")
    .option("--samples <n>", "windows cut from it (default 128)")
    .option("--seq-len <n>", "tokens in a window (default 2048, at most the model's context)")
    .option("--sampling <how>", "random or sequential windows (default random)")
    .option("--seed <n>", "seed of everything random (default 0)")
    .optionsGroup("Evaluation:")
    .option(
      "--text <file...>",
      "wikitext2, or files: measure perplexity on it, dense, pruned without rotation, result",
    )
    .option(
      "--eval-seq-len <n>",
      "tokens in an evaluation window (default: the model's context, at most 2048)",
    )
    .option("--eval-windows <n>", "at most so many windows")
    .option("--tasks <names>", `zero-shot accuracy of the same models: ${TASK_NAMES.join(", ")}`)
    .option("--task-data <place>", TASK_DATA)
    .option("--limit <n>", "only the first so many items of each task")
    .option("--no-baseline", "leave out the pruning without rotation, which takes a second pass")
    .optionsGroup("Output:")
    .option("--dtype <type>", "keep, bf16, f16 or f32 (default keep)")
    .option("--max-shard-size <size>", "largest weight file, e.g. 5GB, 500MiB (default 5GB)")
    .addOption(json())
    .optionsGroup("Run:")
    .option("--device <name>", DEVICE)
    .option("--resume", "continue an unfinished run from its last finished layer")
    .option("--dry-run", "print the plan: memory, disk, time, what each tensor becomes")
    .addHelpText("after", help.PRUNE)
    .action(actions.prune);
}

const TASK_DATA =
  "folder with the data sets' files, or the file of the one task (default: fetched once from the hub)";

function addEval(program: Command, actions: Actions): void {
  program
    .command("eval")
    .description(
      "measure perplexity and zero-shot accuracy of a checkpoint, dense, pruned or rotated",
    )
    .usage("<checkpoint> --text <file> | --tasks <names> [options]")
    .argument("<checkpoint>", help.CHECKPOINT)
    .optionsGroup("Perplexity:")
    .option(
      "--text <file...>",
      "measure it on this: wikitext2, or plain text, JSONL, Parquet, .gz too",
    )
    .option("--field <name>", "field of JSONL and Parquet rows that holds the text (default text)")
    .option("--seq-len <n>", "tokens in a window (default: the model's context, at most 2048)")
    .option("--max-windows <n>", "at most so many windows")
    .optionsGroup("Zero-shot accuracy:")
    .option("--tasks <names>", `tasks, separated by commas: ${TASK_NAMES.join(", ")}`)
    .option("--task-data <place>", TASK_DATA)
    .option("--limit <n>", "only the first so many items of each task")
    .option("--batch-tokens <n>", "tokens the model reads together (default: a few MiB of them)")
    .option("--log-samples <file>", "write every item's log-likelihoods, one JSON object a line")
    .optionsGroup("Run:")
    .option("--device <name>", DEVICE)
    .addOption(json())
    .addHelpText("after", help.EVAL)
    .action(actions.eval);
}

function addInspect(program: Command, actions: Actions): void {
  program
    .command("inspect")
    .description("show the tensors of a checkpoint: types, shapes, zeros, patterns")
    .usage("<checkpoint> [options]")
    .argument("<checkpoint>", help.CHECKPOINT)
    .option("--tensor <name>", "figures and a histogram of one tensor")
    .option("--all", "one row a tensor, not one for the same tensor of all layers")
    .option("--statistics", "read the data and count zeros, however large it is")
    .option("--no-statistics", "read headers only")
    .addOption(json())
    .addHelpText("after", help.INSPECT)
    .action(actions.inspect);
}

function addDownload(program: Command, actions: Actions): void {
  program
    .command("download")
    .description("fetch a checkpoint from the Hugging Face hub: safetensors, config, tokenizer")
    .usage("<organisation/name[@revision]> [options]")
    .argument("<repository>", "model on the hub, with @ a branch, tag or commit (default main)")
    .option("-o, --out <dir>", "output folder (default: named like the model)")
    .option(
      "--token <token>",
      "access token (default: HF_TOKEN, or the login of the hub's command)",
    )
    .addOption(json())
    .addHelpText("after", help.DOWNLOAD)
    .action(actions.download);
}
