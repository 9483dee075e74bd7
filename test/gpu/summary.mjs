/**
 * One table and one JSON of what run.sh left in a folder (or several: of two runs the later rows replace the earlier
 * ones). With a name ending in .json also the measurements alone, as `npm run bench` writes them:
 *
 *     node test/gpu/summary.mjs <folder…> [test/bench/results/cuda.json]
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

const given = process.argv.slice(2);
const folders = given.filter((name) => !name.endsWith(".json"));
const results = given.find((name) => name.endsWith(".json"));

const textsOf = (name) =>
  folders
    .map((folder) => path.join(folder, name))
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, "utf8"));
/** None or one: a part may have been stopped while it wrote. */
function parsed(text) {
  try {
    return [JSON.parse(text)];
  } catch {
    return [];
  }
}
const linesOf = (name) =>
  textsOf(name).flatMap((text) =>
    text
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .flatMap(parsed),
  );
/** The last that is whole. */
const jsonOf = (name) => textsOf(name).flatMap(parsed).at(-1) ?? null;
/** The last of each name. */
const latest = (all, nameOf) => [...new Map(all.map((one) => [nameOf(one), one])).values()];

const benches = linesOf("bench.jsonl");
const byPart = (all) =>
  all.reduce((map, row) => map.set(row.part, [...(map.get(row.part) ?? []), row]), new Map());
/** A part that was measured again replaces its old rows, whole. */
const measured = new Map(benches.flatMap(({ rows }) => [...byPart(rows)]));
const rows = [...measured.values()].flat();
const peer = jsonOf("peer.json");
/** How many of our steps fit into one of PyTorch's, entropy on the same shape, by our precision. */
const ratios = Object.fromEntries(
  rows
    .filter(({ part, objective }) => part === `step:${peer?.shape}` && objective === "entropy")
    .map((row) => [row.precision, Number((peer.step_ms / row["step ms"]).toPrecision(3))]),
);
const tests = latest(linesOf("tests.jsonl"), ({ file }) => file);
const summary = {
  command: "bash test/gpu/run.sh",
  driver: /Driver Version: (\S+)/.exec(textsOf("smi.txt").at(-1) ?? "")?.[1] ?? null,
  machine: benches.at(-1)?.machine ?? null,
  parts: latest(linesOf("parts.jsonl"), ({ part }) => part),
  tests,
  engine: jsonOf("engine.json"),
  peer,
  "peer step over ours, entropy": ratios,
  rows,
};
writeFileSync(path.join(folders.at(-1), "summary.json"), `${JSON.stringify(summary, null, 2)}\n`);
if (results) {
  const { command, driver, machine, engine } = summary;
  const counts = tests.map(({ file, passed, failed, skipped }) => ({
    file,
    passed,
    failed,
    skipped,
  }));
  const content = {
    command,
    machine: { ...machine, driver },
    rows,
    peer,
    "peer step over ours, entropy": ratios,
    engine,
    tests: counts,
  };
  writeFileSync(results, `${JSON.stringify(content, null, 2)}\n`);
}

console.table(summary.parts);
console.table(tests.map(({ failures, ...counts }) => ({ ...counts, failures: failures.length })));
for (const { file, failures } of tests) {
  for (const { name, error } of failures) console.log(`✗ ${file} ${name}: ${error.slice(0, 200)}`);
}
for (const some of measured.values()) console.table(some);
if (summary.engine) console.log(JSON.stringify(summary.engine));
if (peer) {
  console.log(`peer (PyTorch): ${JSON.stringify(peer)}`);
  console.log(`its step over ours: ${JSON.stringify(ratios)}`);
}
