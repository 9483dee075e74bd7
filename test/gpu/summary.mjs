/** One table and one JSON of a run of run.sh: `node summary.mjs <folder>`. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

const folder = process.argv[2];
const lines = (name) => {
  const file = path.join(folder, name);
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));
};
const json = (name) => {
  try {
    return JSON.parse(readFileSync(path.join(folder, name), "utf8"));
  } catch {
    return null;
  }
};

const benches = lines("bench.jsonl");
const rows = benches.flatMap(({ rows }) => rows);
const peer = json("peer.json");
const ours = rows.find(
  (row) => row.objective === "entropy" && row.precision === "bf16" && row.part === "step:8b",
);
const ratio = peer && ours ? peer.step_ms / ours["step ms"] : null;
const smi = existsSync(path.join(folder, "smi.txt"))
  ? readFileSync(path.join(folder, "smi.txt"), "utf8")
  : "";
const summary = {
  command: "bash test/gpu/run.sh",
  driver: /Driver Version: (\S+)/.exec(smi)?.[1] ?? null,
  machine: benches[0]?.machine ?? null,
  parts: lines("parts.jsonl"),
  tests: lines("tests.jsonl"),
  engine: json("engine.json"),
  peer,
  "peer step over ours (entropy, bf16)": ratio,
  rows,
};
writeFileSync(path.join(folder, "summary.json"), `${JSON.stringify(summary, null, 2)}\n`);
console.table(summary.parts);
console.table(
  summary.tests.map(({ file, passed, failed, skipped, seconds }) => ({
    file,
    passed,
    failed,
    skipped,
    seconds,
  })),
);
for (const { file, failures } of summary.tests)
  for (const { name, error } of failures) console.log(`✗ ${file} ${name}: ${error.slice(0, 200)}`);
for (const bench of benches) console.table(bench.rows.map(({ part, ...row }) => row));
if (summary.engine) console.log(JSON.stringify(summary.engine));
if (peer)
  console.log(`peer (PyTorch): ${JSON.stringify(peer)}; its step over ours: ${ratio?.toFixed(2)}`);
