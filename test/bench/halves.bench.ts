/**
 * What the host has to do for the weights of an 8B layer and for its regrouping, where it converts and searches by
 * itself and where the device does. The device is an emulated GPU that computes and copies nothing
 * (`EMULATED_GPU_IDLE`), so that only the host's part is left: processor seconds of this process.
 */
import * as tf from "@tensorflow/tfjs-core";
import { join } from "node:path";
import { decodedHalf, openBackend, roundedHalf } from "../../daemon/backend/index.ts";
import {
  encodeFloats,
  encodeRounding,
  openCheckpoint,
  writeSafetensors,
} from "../../daemon/checkpoint/index.ts";
import { ROWS, SHARES } from "../../daemon/method/columnShares.ts";
import { regroupedBlocks, regroupedColumns } from "../../daemon/method/regroup.ts";
import { EFFORT } from "../../daemon/method/regroupLayer.ts";
import { matrixShape, ROLES } from "../../daemon/vocabulary.ts";
import { normals, SHAPES } from "./cuda/shapes.ts";
import { reportOfIdleCard } from "./idleCard.ts";
import { round, type Row } from "./report.ts";

const SHAPE = SHAPES["8b"];
const NAME = "gate";
const [rows, columns] = matrixShape("gate", SHAPE);
const sizes = ROLES.map((role) => matrixShape(role, SHAPE)).map(([r, c]) => r * c);
/** All matrices of a layer for this one. */
const PER_LAYER = sizes.reduce((sum, size) => sum + size, 0) / (rows * columns);
const REPEATS = 4;

/** The least of several times: the first ones compile. */
async function seconds(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < REPEATS; i++) {
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    times.push((user + system) / 1e6);
  }
  return Math.min(...times);
}

const table: Row[] = [];
async function compare(
  what: string,
  times: number,
  byHost: () => Promise<unknown>,
  byDevice: () => Promise<unknown>,
): Promise<void> {
  const [before, now] = [times * (await seconds(byHost)), times * (await seconds(byDevice))];
  table.push({
    what,
    "by the host, s": round(before),
    "by the device, s": round(now),
    ratio: round(before / now),
  });
}

async function weights(dtype: "BF16" | "F16", folder: string): Promise<void> {
  const data = encodeFloats(dtype, normals(rows, columns, 0.02));
  await writeSafetensors(join(folder, "model.safetensors"), [
    { name: NAME, dtype, shape: [rows, columns], data },
  ]);
  const checkpoint = await openCheckpoint(folder);
  await compare(
    `a layer's weights read and sent, ${dtype}`,
    PER_LAYER,
    async () => {
      tf.tensor2d(await checkpoint.readFloats(NAME), [rows, columns]).dispose();
    },
    async () => {
      const codes = await checkpoint.readBytes(NAME);
      decodedHalf<tf.Rank.R2>(dtype, codes, [rows, columns]).dispose();
    },
  );
  const pruned = () => tf.fill<tf.Rank.R2>([rows, columns], 0);
  await compare(
    `a pruned layer fetched and rounded, ${dtype}`,
    PER_LAYER,
    async () => {
      const x = pruned();
      const values = await x.data<"float32">();
      x.dispose();
      encodeRounding(dtype, values);
      tf.tensor(values, [rows, columns]).dispose();
    },
    async () => {
      const { values, codes } = roundedHalf(dtype, pruned());
      values.dispose();
      await codes;
    },
  );
  await checkpoint.close();
}

/** Importances of very different size. */
const columnsOf = (count: number, sampled: number) => ({
  shares: normals(count, sampled).map((x) => Math.exp(2 * x) / count),
  rows: sampled,
  columns: count,
});

async function regrouping(): Promise<void> {
  const { d, ffn, heads, kvHeads, headDim } = SHAPE;
  const sampled = (count: number) => Math.min(ROWS, Math.ceil(SHARES / count));
  const searches = [
    { columns: columnsOf(d, sampled(d)), effort: EFFORT, times: 1 },
    {
      columns: columnsOf(headDim, (heads / kvHeads) * sampled(d)),
      effort: EFFORT / kvHeads,
      times: kvHeads,
    },
    { columns: columnsOf(ffn, sampled(ffn)), effort: EFFORT, times: 1 },
  ];
  const nm = { keep: 2, of: 4 };
  const pause = () => Promise.resolve();
  const byHost = async () => {
    for (const { columns: where, effort, times } of searches) {
      for (let i = 0; i < times; i++) await regroupedColumns(where, nm, effort, pause);
    }
  };
  // All heads in one search, and all searches before the first is waited for.
  const there = searches.map(({ columns: of, times, effort }) => ({
    columns: tf.fill<tf.Rank.R2>([times * of.columns, of.rows], 0),
    times,
    effort,
  }));
  const byDevice = () =>
    Promise.all(there.map((of) => regroupedBlocks(of.columns, of.times, nm, of.effort, pause)));
  await compare("the searches of a layer's four regroupings, 2:4", 4, byHost, byDevice);
}

await reportOfIdleCard(8 * 2 ** 30, async (folder) => {
  const backend = await openBackend("cuda");
  try {
    await weights("BF16", folder);
    await weights("F16", folder);
    await regrouping();
  } finally {
    await backend.dispose();
  }
  return table;
});
