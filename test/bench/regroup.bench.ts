/**
 * Regrouping a layer for 2:4 at the sizes of real models: processor time of the searches that one of its four calls a
 * layer makes. Random shares: a search that finds more to gain swaps more, and takes longer than on a learned layer.
 */
import { availableParallelism } from "node:os";
import { openBackend } from "../../daemon/backend/index.ts";
import { regroupedColumns } from "../../daemon/method/regroup.ts";
import { EFFORT } from "../../daemon/method/regroupLayer.ts";
import { ROWS, SHARES } from "../../daemon/method/columnShares.ts";
import { seededRandom } from "../../daemon/random.ts";
import { report, round, type Row } from "./report.ts";

const NM = { keep: 2, of: 4 } as const;
const LAYERS = [
  { name: "1B", d: 2048, headDim: 64, heads: 32, kvHeads: 8, ffn: 8192 },
  { name: "8B", d: 4096, headDim: 128, heads: 32, kvHeads: 8, ffn: 14336 },
];

const random = seededRandom(1);

/** Importances of very different size, each row summing to 1. */
function columnsOf(columns: number, rows: number) {
  const shares = Float32Array.from({ length: columns * rows }, () => Math.exp(2 * random.normal()));
  for (let r = 0; r < rows; r++) {
    let sum = 0;
    for (let j = 0; j < columns; j++) sum += shares[j * rows + r] ?? 0;
    for (let j = 0; j < columns; j++) shares[j * rows + r] = (shares[j * rows + r] ?? 0) / sum;
  }
  return { shares, rows, columns };
}

/** Seconds of this process at work, whatever else the machine does. */
async function processorSeconds(columns: number, rows: number, effort: number): Promise<number> {
  const asked = columnsOf(columns, rows);
  const before = process.cpuUsage();
  await regroupedColumns(asked, NM, effort, () => Promise.resolve());
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

const sampled = (columns: number): number => Math.min(ROWS, Math.ceil(SHARES / columns));

const backend = await openBackend("wasm");
const rows: Row[] = [];
for (const { name, d, headDim, heads, kvHeads, ffn } of LAYERS) {
  const stream = await processorSeconds(d, sampled(d), EFFORT);
  const perHead = (heads / kvHeads) * sampled(d);
  const head = await processorSeconds(headDim, perHead, EFFORT / kvHeads);
  const neurons = await processorSeconds(ffn, sampled(ffn), EFFORT);
  rows.push({
    layer: name,
    "R1's columns, s": round(stream),
    "all heads, s": round(kvHeads * head),
    "neurons, s": round(neurons),
    "four calls a layer, s": round(4 * (stream + kvHeads * head + neurons)),
  });
}
report(`${backend.description}; ${availableParallelism()} processors`, rows);
await backend.dispose();
