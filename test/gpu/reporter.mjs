/** Node's test events as lines for people on stdout, and their count as JSON in the file that RESULTS_JSON names. */
import { appendFileSync } from "node:fs";

/** As many are told in full; the count is of all. */
const MOST_FAILURES = 30;

export default async function* reporter(events) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const failures = [];
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
  const file = process.argv[1]?.split("/").at(-1);
  const line = { file, ...counts, seconds: Math.round(process.uptime() * 10) / 10, failures };
  if (process.env.RESULTS_JSON)
    appendFileSync(process.env.RESULTS_JSON, `${JSON.stringify(line)}\n`);
  yield `${file}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`;
}
