/** A run's job as the pages see it, for tests. */
import type { JobView } from "../../webview/messages.ts";

export const jobView = (more: Partial<JobView> = {}): JobView => ({
  id: "j",
  revision: 5,
  state: "running",
  startedAt: "2026-01-01T10:00:00Z",
  endedAt: null,
  attempt: 1,
  resumable: false,
  device: null,
  progress: null,
  error: null,
  output: null,
  evaluation: null,
  ...more,
});
