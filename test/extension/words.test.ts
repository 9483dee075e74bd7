/** How runs are put into words where there is little room. */
import { describe, expect, test } from "vitest";
import type { JobProgress } from "../../daemon/protocol.ts";
import { standing, withShortPath } from "../../extension/runs/words.ts";
import { jobInfo } from "../support/jobInfo.ts";

const progress: JobProgress = {
  ...{ stage: "rotate", layer: 1, layers: 8, fraction: 0.25, elapsedSeconds: 3, etaSeconds: 9 },
  ...{ sparsity: null, hostBytes: null, deviceBytes: null },
};

describe("where a run stands", () => {
  test.each(["interrupted", "cancelled"] as const)(
    "%s: where, since the icon says that",
    (state) => {
      expect(standing(jobInfo("1", 1, { state, progress }))).toBe("at 25 %");
      expect(standing(jobInfo("1", 1, { state }))).toBe("before it began");
    },
  );

  test.each([
    ["/data/a b/model.safetensors: tensor x holds NaN.", "tensor x holds NaN."],
    ["C:\\data\\model.safetensors: tensor x holds NaN.", "tensor x holds NaN."],
    ["The disk is full: 3 GB are missing.", "The disk is full: 3 GB are missing."],
    ["/data is full", "/data is full"],
  ])("failed, %s", (message, shown) => {
    const error = { code: "a/b", kind: "failed", message } as const;
    expect(standing(jobInfo("1", 1, { state: "failed", error }))).toBe(shown);
  });
});

test.each([
  ["/data/a b/model.safetensors: tensor x holds NaN.", "model.safetensors: tensor x holds NaN."],
  ["The disk is full: 3 GB are missing.", "The disk is full: 3 GB are missing."],
])("a notification names the file without its folders: %s", (message, shown) => {
  expect(withShortPath(message)).toBe(shown);
});
