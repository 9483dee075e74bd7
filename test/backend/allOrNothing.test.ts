/** Asynchronous work that fails leaves nothing, whatever it had made and begun; where it ends well, all of it stays. */
import { setTimeout as sleep } from "node:timers/promises";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { allOrNothing, beside, together } from "../../daemon/backend/index.ts";
import { openStrictCpu } from "./strictCpu.ts";
import type { Device } from "./laws/index.ts";

let device: Device;
let before: number;
const made = () => tf.memory().numTensors - before;
const full = new Error("the device is full");
const fails = () => Promise.reject(full);

beforeAll(async () => {
  device = await openStrictCpu();
});
afterAll(() => device.dispose());
beforeEach(() => {
  tf.engine().startScope();
  before = tf.memory().numTensors;
});
afterEach(() => {
  tf.engine().endScope();
  expect(made()).toBe(0);
});

/** Makes three tensors, across turns of the event loop. */
async function three(): Promise<tf.Tensor[]> {
  const one = tf.scalar(1);
  await sleep(1);
  const two = tf.tidy(() => tf.add(one, tf.scalar(1)));
  await sleep(1);
  return [one, two, one.clone()];
}

test("what was made goes with the failure, which is told as it was; what was there before stays", async () => {
  const there = tf.scalar(7);
  const work = allOrNothing(async () => {
    await three();
    tf.neg(there);
    await fails();
  });
  await expect(work).rejects.toBe(full);
  expect(made()).toBe(1);
  expect(await there.data()).toEqual(Float32Array.of(7));
});

test("what ends well keeps what it made, until work around it fails", async () => {
  const [, two] = await allOrNothing(three);
  expect(made()).toBe(3);
  expect(await two?.data()).toEqual(Float32Array.of(2));

  let inside = 0;
  const outer = allOrNothing(async () => {
    await allOrNothing(three);
    inside = made();
    await fails();
  });
  await expect(outer).rejects.toBe(full);
  expect([inside, made()]).toEqual([6, 3]);
});

test("after a failure within, the work around it goes on with what it had", async () => {
  await allOrNothing(async () => {
    const mine = tf.scalar(3);
    await allOrNothing(async () => {
      await three();
      await fails();
    }).catch(() => undefined);
    tf.scalar(4);
    expect(made()).toBe(2);
    expect(await mine.data()).toEqual(Float32Array.of(3));
  });
  expect(made()).toBe(2);
});

test("what somebody keeps stays his", async () => {
  let kept: tf.Tensor | undefined;
  const work = allOrNothing(async () => {
    kept = tf.tidy(() => tf.keep(tf.scalar(1)));
    await fails();
  });
  await expect(work).rejects.toBe(full);
  expect(made()).toBe(1);
  kept?.dispose();
});

test("work beside is over when the failure is told, and so is what that began; what they made goes", async () => {
  const over: string[] = [];
  const last = async () => {
    await three();
    over.push("last");
    await fails();
  };
  const first = async () => {
    await three();
    void beside(last());
    over.push("first");
  };
  const work = allOrNothing(async () => {
    void beside(first());
    await fails();
  });
  await expect(work).rejects.toBe(full);
  expect(over).toEqual(["first", "last"]);
  expect(made()).toBe(0);
});

test("work beside that is still under way when its stretch ends well belongs to the one around it", async () => {
  let over = false;
  const slow = async () => {
    await three();
    over = true;
  };
  const early = allOrNothing(() => Promise.resolve(void beside(slow())));
  await early;
  expect(over).toBe(false);
  await sleep(20);

  over = false;
  const work = allOrNothing(async () => {
    await allOrNothing(() => Promise.resolve(void beside(slow())));
    await fails();
  });
  await expect(work).rejects.toBe(full);
  expect(over).toBe(true);
});

test("work begun before is not waited for: it may itself wait for the failing one", async () => {
  let letGo: () => void = () => undefined;
  const earlier = beside(
    new Promise<void>((resolve) => {
      letGo = resolve;
    }),
  );
  await expect(allOrNothing(fails)).rejects.toBe(full);
  letGo();
  await earlier;
});

test("together: the results in order, the first failure, and nobody else's goes unheard", async () => {
  expect(await together([Promise.resolve(1), undefined, three()])).toMatchObject([
    1,
    undefined,
    {},
  ]);
  let over = false;
  const slow = sleep(10).then(() => {
    over = true;
    throw new Error("later");
  });
  await expect(allOrNothing(() => together([slow, fails()]))).rejects.toBe(full);
  expect(over).toBe(true);
});
