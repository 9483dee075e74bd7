/** A job of the daemon as clients are told of it, for tests that have no daemon. */
import type { JobInfo } from "../../daemon/protocol.ts";

export const jobInfo = (id: string, revision: number, more: Partial<JobInfo> = {}): JobInfo => ({
  id,
  revision,
  state: "running",
  request: { kind: "evaluate", evaluate: { checkpoint: "/c", text: ["/t"] } },
  title: id,
  createdAt: `2026-01-0${id}T00:00:00.000Z`,
  startedAt: null,
  endedAt: null,
  attempt: 1,
  resumable: false,
  device: null,
  progress: null,
  error: null,
  result: null,
  work: null,
  log: "/log",
  ...more,
});
