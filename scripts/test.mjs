/**
 * `npm test`: installs and builds where needed, brings what the tests need on this kind of machine, then runs every
 * check. The last line says how many checks and tests passed and failed; any failure makes the exit code 1.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { installPackages } from "./install.mjs";

const root = fileURLToPath(new URL("../", import.meta.url));
const results = `${root}.cache/vitest.json`;
const total = { passed: 0, failed: 0, skipped: 0 };

const run = (command, args, options = {}) =>
  spawnSync(command, args, { cwd: root, stdio: "inherit", ...options });
/** Runs the command line tool of a package, whatever the platform calls it. */
const runPackage = (file, args, options) =>
  run(process.execPath, [`node_modules/${file}`, ...args], options);

function check(name, ok) {
  console.log(`${ok ? "✓" : "✗"} ${name}`);
  total[ok ? "passed" : "failed"]++;
  return ok;
}

function finish() {
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
  console.log(`${total.passed} passed, ${total.failed} failed${skipped}`);
  process.exit(total.failed > 0 ? 1 : 0);
}

// Nothing further can run without the packages.
if (!installPackages()) {
  check("npm ci", false);
  finish();
}
const { findBlas } = await import("./test/blas.mjs");
const { findNvrtc } = await import("./test/nvrtc.mjs");
const { softwareVulkan } = await import("./software-vulkan.mjs");
const { installCodeServer } = await import("./codeServer.mjs");

const built = check("build", run(process.execPath, ["scripts/build.mjs"]).status === 0);
check("typecheck", runPackage("typescript/bin/tsc", ["--noEmit"]).status === 0);
check("lint", runPackage("eslint/bin/eslint.js", [".", "--max-warnings", "0"]).status === 0);
check("format", runPackage("prettier/bin/prettier.cjs", ["--check", "."]).status === 0);
const noWorkbench = installCodeServer();
if (noWorkbench !== null) console.log(`- tests in the workbench are skipped: ${noWorkbench}`);
if (built)
  runTests({ ...process.env, ...findBlas(root), ...findNvrtc(root), ...(await softwareVulkan()) });
finish();

function runTests(env) {
  mkdirSync(`${root}.cache`, { recursive: true });
  rmSync(results, { force: true });
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${results}`];
  const { status } = runPackage("vitest/vitest.mjs", ["run", ...reporters], { env });
  if (!existsSync(results)) {
    check("vitest", false);
    return;
  }
  const { testResults } = JSON.parse(readFileSync(results, "utf8"));
  const failedBefore = total.failed;
  for (const file of testResults) {
    const count = (...states) =>
      file.assertionResults.filter(({ status }) => states.includes(status)).length;
    const failed = count("failed");
    total.passed += count("passed");
    total.skipped += count("skipped", "pending", "todo", "disabled");
    // A file that cannot be loaded has no tests to fail, but fails.
    total.failed += failed === 0 && file.status === "failed" ? 1 : failed;
  }
  // Errors outside of any test, such as unhandled rejections, show only in the exit code.
  if (status !== 0 && total.failed === failedBefore)
    check("vitest, errors outside of tests", false);
}
