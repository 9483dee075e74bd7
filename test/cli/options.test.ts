import { describe, expect, test } from "vitest";
import { parseEval } from "../../daemon/cli/evalOptions.ts";
import { parseInspect, parsePrune } from "../../daemon/cli/options.ts";
import { DenoiseError } from "../../daemon/errors.ts";

const prune = (raw: Record<string, unknown>) => parsePrune("model", { out: "o", ...raw }).options;

function refusal(run: () => unknown): DenoiseError {
  try {
    run();
  } catch (error) {
    if (error instanceof DenoiseError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("prune", () => {
  test("silence stays silence, so that the pipeline's defaults hold", () => {
    expect(parsePrune("model", { out: "o" })).toEqual({
      options: { checkpoint: "model", out: "o", resume: false },
      dryRun: false,
      json: false,
    });
  });

  test.each([
    ["0.5", { kind: "unstructured", share: 0.5 }],
    [".25", { kind: "unstructured", share: 0.25 }],
    ["50%", { kind: "unstructured", share: 0.5 }],
    ["62.5%", { kind: "unstructured", share: 0.625 }],
    ["2:4", { kind: "nm", keep: 2, of: 4 }],
    ["4:8", { kind: "nm", keep: 4, of: 8 }],
    ["1:16", { kind: "nm", keep: 1, of: 16 }],
  ])("--sparsity %s", (sparsity, pattern) => {
    expect(prune({ sparsity }).pattern).toEqual(pattern);
  });

  test.each([
    ["uniform", { kind: "uniform" }],
    ["owl", { kind: "owl" }],
    ["./ratios.json", { kind: "file", path: "./ratios.json" }],
  ])("--sparsity-profile %s", (sparsityProfile, profile) => {
    expect(prune({ sparsityProfile }).sparsityProfile).toEqual(profile);
    expect(() => prune({ sparsityProfile: "" })).toThrow("--sparsity-profile");
  });

  test.each([
    "0",
    "1",
    "0%",
    "100%",
    "-0.5",
    "50 %x",
    "0x1",
    "",
    "4:4",
    "0:4",
    "5:4",
    "2:",
    "2:4:8",
    "1:99999",
  ])("--sparsity %j is refused", (sparsity) => {
    const error = refusal(() => prune({ sparsity }));
    expect([error.code, error.kind]).toEqual(["cli/bad-option", "usage"]);
    expect(error.message).toContain("--sparsity");
  });

  test.each([
    ["layer", { kind: "layer" }],
    ["every:3", { kind: "every", layers: 3 }],
    ["global", { kind: "global" }],
    ["none", { kind: "none" }],
  ])("--rotation %s", (rotation, scope) => {
    expect(prune({ rotation }).rotation).toEqual(scope);
  });

  test.each(["every", "every:0", "every:x", "every:1.5", "all", ""])(
    "--rotation %j is refused and says what is allowed",
    (rotation) => {
      expect(refusal(() => prune({ rotation })).message).toMatch(/layer, every:K .*global or none/);
    },
  );

  test("numbers and sizes arrive as numbers", () => {
    expect(
      prune({
        steps: "300",
        learningRate: "5e-2",
        damping: "0.1",
        blockSize: "64",
        samples: "12",
        seqLen: "256",
        seed: "0",
        maxShardSize: "5GB",
      }),
    ).toMatchObject({
      steps: 300,
      learningRate: 0.05,
      damping: 0.1,
      blockSize: 64,
      samples: 12,
      seqLen: 256,
      seed: 0,
      maxShardBytes: 5e9,
    });
  });

  test.each([
    ["steps", "0", "--steps"],
    ["steps", "1.5", "--steps"],
    ["steps", "1e3", "--steps"],
    ["steps", "-1", "--steps"],
    ["learningRate", "0", "--learning-rate"],
    ["learningRate", "NaN", "--learning-rate"],
    ["learningRate", "Infinity", "--learning-rate"],
    ["damping", "2", "--damping"],
    ["seqLen", "1", "--seq-len"],
    ["seed", "9007199254740993", "--seed"],
    ["maxShardSize", "5XB", "--max-shard-size"],
    ["maxShardSize", "0", "--max-shard-size"],
    ["method", "Wanda", "--method"],
    ["objective", "mass", "--objective"],
    ["sampling", "all", "--sampling"],
    ["dtype", "int8", "--dtype"],
    ["device", "gpu", "--device"],
    ["device", "cuda:", "--device"],
    ["device", "webgpu:1", "--device"],
  ])("%s = %j is refused by its name on the command line, %s", (name, value, flag) => {
    const error = refusal(() => prune({ [name]: value }));
    expect(error.code).toBe("cli/bad-option");
    expect(error.message).toContain(`${flag} ${JSON.stringify(value)} is not allowed: give `);
  });

  test.each([
    ["out", "", "--out"],
    ["field", "", "--field"],
    ["calibration", ["a.txt", ""], "--calibration"],
    ["text", [""], "--text"],
  ])("an empty %s, as of a variable that is not set, is refused", (name, value, flag) => {
    const error = refusal(() => prune({ [name]: value }));
    expect(error.code).toBe("cli/bad-option");
    expect(error.message).toContain(`${flag} "" is not allowed`);
  });

  test("evaluation options need a text", () => {
    expect(
      prune({ text: ["v.txt"], evalSeqLen: "64", evalWindows: "9", baseline: false }),
    ).toMatchObject({
      evaluation: { files: ["v.txt"], seqLen: 64, maxWindows: 9, baseline: false },
    });
    // Without --no-baseline the argument parser says true; the pipeline decides then.
    expect(prune({ text: ["v.txt"], baseline: true }).evaluation).toEqual({ files: ["v.txt"] });
    for (const [raw, flag] of [
      [{ evalSeqLen: "64" }, "--eval-seq-len"],
      [{ evalWindows: "9" }, "--eval-windows"],
      [{ baseline: false }, "--no-baseline"],
    ] as const) {
      const error = refusal(() => prune(raw));
      expect(error.code).toBe("cli/needs-option");
      expect(error.message).toContain(flag);
    }
  });

  test("a plan cannot be resumed", () => {
    expect(refusal(() => prune({ dryRun: true, resume: true })).code).toBe("cli/contradiction");
  });
});

test("eval", () => {
  expect(parseEval("m", { text: ["a", "b"], maxWindows: "3", device: "wasm", json: true })).toEqual(
    {
      options: { checkpoint: "m", text: ["a", "b"], maxWindows: 3, device: "wasm" },
      json: true,
    },
  );
});

test("inspect leaves reading the data open unless told", () => {
  expect(parseInspect("m", {}).statistics).toBeUndefined();
  expect(parseInspect("m", { statistics: false }).statistics).toBe(false);
  expect(refusal(() => parseInspect("m", { tensor: "t", statistics: false })).code).toBe(
    "cli/contradiction",
  );
});
