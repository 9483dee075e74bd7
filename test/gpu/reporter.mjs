/**
 * Node's test events as lines for people on stdout, and their count as JSON in the file that RESULTS_JSON names; of a run
 * that is told to stop, what it has until then.
 */
import { appendFileSync } from "node:fs";

/** As many are told in full; the count is of all. */
const MOST_FAILURES = 30;

const file = process.argv[1]?.split("/").at(-1);
const counts = { passed: 0, failed: 0, skipped: 0 };
const failures = [];

function write(more = {}) {
  if (!process.env.RESULTS_JSON) return;
  const seconds = Math.round(process.uptime() * 10) / 10;
  const line = { file, ...counts, ...more, seconds, failures };
  appendFileSync(process.env.RESULTS_JSON, `${JSON.stringify(line)}\n`);
}

process.once("SIGTERM", () => {
  write({ stopped: true });
  process.exit(143);
});

export default async function* reporter(events) {
  for await (const { type, data } of events) {
    if (type !== "test:pass" && type !== "test:fail") continue;
    const suite = data.details?.type === "suite";
    const error = data.details?.error?.cause ?? data.details?.error;
    // A suite fails with its tests; by itself only where a hook or its body does.
    const own =
      !suite ||
      (type === "test:fail" &&
        error?.code !== "ERR_TEST_FAILURE" &&
        !/subtests? failed/.test(String(error)));
    if (!own) continue;
    if (data.skip !== undefined) {
      counts.skipped++;
    } else if (type === "test:pass") {
      counts.passed++;
    } else {
      counts.failed++;
      // Cancelled with its suite, whose own failure says why.
      if (/did not finish before its parent/.test(String(error))) continue;
      if (failures.length >= MOST_FAILURES) continue;
      failures.push({ name: data.name, error: String(error?.message ?? error).slice(0, 500) });
      yield `✗ ${data.name}\n  ${String(error?.stack ?? error).slice(0, 1200)}\n`;
    }
  }
  write();
  yield `${file}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`;
}
