/** The Runs view and the Run page stand beside each other: the same stage has the same name in both. */
import { expect, test } from "vitest";
import type { JobProgress } from "../../daemon/protocol.ts";
import { stageText } from "../../extension/runs/words.ts";
import type { JobView } from "../../webview/messages.ts";
import { whereabouts } from "../../webview/panels/run/words.ts";

const STAGES = {
  ...{ plan: 0, embed: 0, collect: 0, rotate: 0, prune: 0, propagate: 0, commit: 0, evaluate: 0 },
} satisfies Record<JobProgress["stage"], number>;

test.each(Object.keys(STAGES) as JobProgress["stage"][])("%s", (stage) => {
  const progress = { stage, layer: null, layers: 4 } as JobProgress;
  const page = whereabouts({ state: "running", progress } as JobView);
  expect(page.toLowerCase()).toBe(stageText(progress).toLowerCase());
});
