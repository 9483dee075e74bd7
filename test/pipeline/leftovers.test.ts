/**
 * A run that fails or is cancelled leaves nothing to whoever goes on with the device, wherever it comes: no tensor, and
 * no work under way. Each failure comes at places of every stage of every layer.
 */
import { open } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openCheckpoint } from "../../daemon/checkpoint/index.ts";
import { openModel } from "../../daemon/model/index.ts";
import type { PruneOptions, RunListener } from "../../daemon/pipeline/index.ts";
import { scoreContinuations } from "../../daemon/pipeline/score.ts";
import { never, useRuns } from "./useRuns.ts";

const runs = useRuns();

/** What device or disk do for a run, counted as it begins. */
class Moments {
  count = 0;
  /** Of what takes its time. */
  underWay = 0;
  private chosen = Infinity;
  private happens: () => void = () => undefined;

  /** @param happens at the `at`-th from now; what it throws is what becomes of it */
  expect(at: number, happens: () => void): void {
    [this.count, this.chosen, this.happens] = [0, at, happens];
  }

  begin(): void {
    if (++this.count === this.chosen) this.happens();
  }

  async during(work: () => unknown): Promise<unknown> {
    this.underWay++;
    try {
      this.begin();
      return await work();
    } finally {
      this.underWay--;
    }
  }
}

type Methods<Name extends string> = Record<Name, (...given: unknown[]) => unknown>;

/** Calls `around` for every call of a method, until it is put back. */
function watched<Name extends string>(
  object: Methods<Name>,
  name: Name,
  around: (call: () => unknown) => unknown,
): () => void {
  const own = Object.hasOwn(object, name);
  const method = object[name];
  object[name] = function (this: unknown, ...given: unknown[]) {
    return around(() => method.apply(this, given));
  };
  return () => {
    if (own) object[name] = method;
    else Reflect.deleteProperty(object, name);
  };
}

let restore: (() => void)[] = [];
/** What is made on the device and read from it. */
let device: Moments;
/** What is written to files. */
let disk: Moments;
/** What else is done with them. */
let files: Moments;

beforeEach(async () => {
  [device, disk, files] = [new Moments(), new Moments(), new Moments()];
  const backend = tf.backend() as unknown as Methods<"makeOutput" | "write" | "read">;
  const handle = await open(import.meta.filename);
  const file = Object.getPrototypeOf(handle) as Methods<"write" | "read" | "sync" | "datasync">;
  await handle.close();
  const made = (call: () => unknown) => {
    device.begin();
    return call();
  };
  const read = async (call: () => unknown) => {
    const values = await call();
    // As late as a device that computes by itself.
    if ("keepWhileRoom" in backend) for (let turn = 0; turn < 3; turn++) await nextTurn();
    return values;
  };
  restore = [
    watched(backend, "makeOutput", made),
    watched(backend, "write", made),
    watched(backend, "read", (call) => device.during(() => read(call))),
    watched(file, "write", (call) => disk.during(call)),
    watched(file, "read", (call) => files.during(call)),
    watched(file, "sync", (call) => files.during(call)),
    watched(file, "datasync", (call) => files.during(call)),
  ];
});
afterEach(() => {
  for (const back of restore) back();
});

/** The stages and layers go on beside each other then, as on a GPU with memory of its own. */
function givenOwnMemory(): void {
  const backend = tf.backend();
  Object.assign(backend, { keepWhileRoom: () => () => undefined });
  restore.push(() => Reflect.deleteProperty(backend, "keepWhileRoom"));
}

/** What is left of `work` when it fails, in words; nothing, if all is well. */
async function leftOf(work: () => Promise<unknown>): Promise<string> {
  const begun = () => device.count + disk.count + files.count;
  const tensors = tf.memory().numTensors;
  const failed = await work().then(
    () => false,
    () => true,
  );
  const left = tf.memory().numTensors - tensors;
  const underWay = device.underWay + disk.underWay + files.underWay;
  const then = begun();
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  const later = begun() - then;
  if (failed && left === 0 && underWay === 0 && later === 0) return "";
  return `failed: ${failed}, tensors: ${left}, under way: ${underWay}, begun afterwards: ${later}`;
}

type Failure = "the device is full" | "the disk is full" | "it is cancelled";

/** Lets the same work fail at `perPart` places of every part of it that `tell` names. */
async function everywhere(
  failure: Failure,
  perPart: number,
  work: (tell: (part: string) => void, signal: AbortSignal, attempt: number) => Promise<unknown>,
): Promise<string[]> {
  const moments = failure === "the disk is full" ? disk : device;
  const parts = new Map<string, number>();
  let part = "begin";
  moments.expect(Infinity, () => undefined);
  await work(
    (next) => {
      if (next !== part) parts.set(part, moments.count);
      part = next;
    },
    never,
    0,
  );
  parts.set(part, moments.count);

  const left: string[] = [];
  let [from, attempt] = [0, 0];
  for (const [name, until] of parts) {
    for (let place = 0; place < perPart; place++) {
      const at = 1 + Math.floor(from + ((place + 0.5) / perPart) * (until - from));
      const control = new AbortController();
      moments.expect(at, () => {
        if (failure === "it is cancelled") control.abort();
        else throw Object.assign(new Error(failure), { code: "ENOSPC" });
      });
      const found = await leftOf(() => work(() => undefined, control.signal, ++attempt));
      if (found !== "") left.push(`${name}, moment ${at}: ${found}`);
    }
    from = until;
  }
  moments.expect(Infinity, () => undefined);
  return left;
}

describe("a run", () => {
  const OWN: Partial<PruneOptions> = { samples: 3, seqLen: 16, steps: 4 };
  const SHARED: Partial<PruneOptions> = {
    ...OWN,
    rotation: { kind: "global" },
    method: "wanda",
    pattern: { kind: "unstructured", share: 0.5 },
    sparsityProfile: { kind: "owl" },
  };

  test.each([
    ["the device is full", "host and device in step", "a rotation a layer", 1],
    ["the device is full", "the host ahead", "a rotation a layer", 3],
    ["the device is full", "the host ahead", "one for all", 2],
    ["the disk is full", "the host ahead", "a rotation a layer", 1],
    ["it is cancelled", "the host ahead", "one for all", 1],
  ] as const)(
    "%s, %s, %s: nothing is left",
    { timeout: 120_000 },
    async (failure, host, rotation, perStage) => {
      if (host === "the host ahead") givenOwnMemory();
      const more = rotation === "one for all" ? SHARED : OWN;
      const options = await runs.options({ layers: 2, dtype: "BF16" }, more);
      const texts = options.calibration ?? [];
      const evaluation = { files: texts, seqLen: 16, maxWindows: 2, baseline: false };
      const work = (tell: (part: string) => void, signal: AbortSignal, attempt: number) => {
        const listener: RunListener = (event) => {
          if (event.type === "progress") tell(`${event.stage} ${event.layer ?? ""}`);
        };
        const out = join(runs.folder, `out-${attempt}`);
        return runs.run({ ...options, out, evaluation }, listener, signal);
      };
      expect(await everywhere(failure, perStage, work)).toEqual([]);
    },
  );

  test.each([
    ["weights", "self_attn.o_proj", () => NaN],
    ["activations", "mlp.up_proj", () => 1e38],
  ])("%s that are not finite: nothing is left", async (_, matrix, value) => {
    givenOwnMemory();
    const replace = { [`model.layers.1.${matrix}.weight`]: (w: Float32Array) => w.map(value) };
    const options = await runs.options({ layers: 2, replace }, OWN);
    expect(await leftOf(() => runs.run(options))).toBe("");
  });
});

describe("scoring", () => {
  test.each(["the device is full", "the disk is full"] as const)(
    "%s: nothing is left",
    async (failure) => {
      const { checkpoint: path } = await runs.options({ layers: 2 });
      const checkpoint = await openCheckpoint(path);
      const model = openModel(checkpoint);
      const requests = [9, 5, 5, 2].map((length, i) => ({
        input: Int32Array.from({ length }, (_, t) => (t + i) % 20),
        targets: Int32Array.of(3),
      }));
      const options = { signal: never, batchTokens: 10, onProgress: () => undefined };
      const work = () => scoreContinuations(model, requests, options);
      expect(await everywhere(failure, 12, work)).toEqual([]);
      await checkpoint.close();
    },
  );
});
