/**
 * The laws every device obeys. One suite, run over each device that the machine has; the expected values come from
 * the float64 references beside this file, never from a device.
 */
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  entropyObjective,
  hasHalfKernels,
  prunedMassObjective,
  selectLowest,
  sparsegptBlock,
} from "../../../daemon/backend/index.ts";
import { attentionLaws } from "./attention.ts";
import { columnBlockLaws } from "./columnBlocks.ts";
import { gramLaws } from "./gram.ts";
import { halfLaws } from "./half.ts";
import { matmulLaws } from "./matmul.ts";
import { normals, tensor2d, upper } from "./numbers.ts";
import { entropyLaws, prunedMassLaws } from "./objectives.ts";
import { operationLaws } from "./operations.ts";
import { orthogonalLaws } from "./orthogonal.ts";
import { selectLaws } from "./select.ts";
import { sparsegptLaws } from "./sparsegpt.ts";

/** What the laws need of a started device. */
export interface Device {
  dispose(): Promise<void>;
}

/** What only some devices have. */
export interface Abilities {
  /** Half precision is converted on the device. */
  readonly half?: boolean;
}

export function backendLaws(
  name: string,
  open: () => Promise<Device>,
  { half = false }: Abilities = {},
): void {
  describe(name, () => {
    let device: Device;
    beforeAll(async () => {
      device = await open();
    });
    afterAll(() => device.dispose());

    describe("matrix product", matmulLaws);
    describe("operations that the engine uses", operationLaws);
    describe("entropy", entropyLaws);
    describe("pruned mass", prunedMassLaws);
    describe("selectLowest", selectLaws);
    describe("sparsegptBlock", sparsegptLaws);
    describe("columnBlocks", columnBlockLaws);
    describe("causalAttention", attentionLaws);
    describe("addGram", gramLaws);
    describe("moves on the orthogonal group", orthogonalLaws);
    if (half) describe("half precision", halfLaws);
    else {
      test("half precision is the host's", () => {
        expect(hasHalfKernels()).toBe(false);
      });
    }
    test("fused kernels leave nothing behind but their results", async () => {
      const random = normals(4, 8);
      const [w, c, u] = [tensor2d(random), tf.ones<tf.Rank.R1>([8]), tensor2d(upper(8))];
      const before = tf.memory().numTensors;
      const runs: (() => tf.NamedTensorMap)[] = [
        () => entropyObjective(w, c, 1),
        () => entropyObjective(w, c, 0),
        () => prunedMassObjective(w, c, { kind: "nm", keep: 2, of: 4 }),
        () => prunedMassObjective(w, c, { kind: "unstructured", share: 0.5 }),
        () => prunedMassObjective(w, c, { kind: "nm", keep: 2, of: 4 }, 1),
        () => prunedMassObjective(w, c, { kind: "unstructured", share: 0.5 }, 1),
        () => ({ mask: selectLowest(tf.square(w), { kind: "count", count: 3 }) }),
        () => sparsegptBlock(w, u, { kind: "nm", keep: 2, of: 4 }),
      ];
      for (const run of runs) {
        const results = Object.values(tf.tidy(run));
        expect(tf.memory().numTensors).toBe(before + results.length);
        await Promise.all(results.map((result) => result.data()));
        tf.dispose(results);
      }
      tf.dispose([w, c, u]);
    });
  });
}
