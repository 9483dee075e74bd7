/**
 * Perplexity of pruned stories260K (shared/data beside the checkout): not rotated, with the paper's objective, with
 * ours at several learning rates (their spread is the run-to-run spread), and with one global R1. Calibration: 64
 * sequential windows of 256 tokens; evaluation: 200 windows of 256.
 */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openBackend } from "../../daemon/backend/index.ts";
import { pruneOn, silent, type PruneOptions } from "../../daemon/pipeline/index.ts";
import { patternName, PRUNE_METHODS, type Pattern } from "../../daemon/vocabulary.ts";
import { report, round, type Row } from "./report.ts";

const DATA = join(process.cwd(), "../shared/data");
const PATTERNS: readonly Pattern[] = [
  { kind: "unstructured", share: 0.5 },
  { kind: "nm", keep: 2, of: 4 },
];
const RATES = [0.08, 0.09, 0.1, 0.11, 0.12];

const backend = await openBackend("wasm");
const folder = await mkdtemp(join(tmpdir(), "quality-"));

async function perplexityOf(options: Partial<PruneOptions>): Promise<number> {
  const out = join(folder, "out");
  const { report: result } = await pruneOn(
    backend,
    {
      checkpoint: join(DATA, "stories260K"),
      out,
      calibration: [join(DATA, "text/tinystories.train-excerpt.txt")],
      samples: 64,
      seqLen: 256,
      sampling: "sequential",
      evaluation: {
        files: [join(DATA, "text/tinystories.valid-excerpt.txt")],
        seqLen: 256,
        maxWindows: 200,
        baseline: false,
      },
      ...options,
    },
    silent,
    new AbortController().signal,
  );
  await rm(out, { recursive: true });
  return result.perplexity.at(-1)?.perplexity ?? NaN;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

const rows: Row[] = [];
for (const method of existsSync(DATA) ? PRUNE_METHODS : []) {
  for (const pattern of PATTERNS) {
    const unrotated = await perplexityOf({ method, pattern, rotation: { kind: "none" } });
    const entropy = await perplexityOf({ method, pattern, objective: "entropy" });
    const plain = await perplexityOf({ method, pattern, regroup: false });
    const global = await perplexityOf({ method, pattern, rotation: { kind: "global" } });
    const runs: number[] = [];
    for (const learningRate of RATES) {
      runs.push(await perplexityOf({ method, pattern, learningRate }));
    }
    rows.push({
      method,
      pattern: patternName(pattern),
      "not rotated": round(unrotated, 4),
      entropy: round(entropy, 4),
      "pruned-mass, not regrouped": round(plain, 4),
      "pruned-mass (default)": round(median(runs), 4),
      lowest: round(Math.min(...runs), 4),
      highest: round(Math.max(...runs), 4),
      "global R1": round(global, 4),
    });
    process.stderr.write(`  ${method} ${patternName(pattern)} done\n`);
  }
}
report(backend.description, rows);
await rm(folder, { recursive: true });
await backend.dispose();
