/**
 * A BLAS for the tests that need one. Where the product finds none, the system's package is installed if that is
 * allowed here, else the OpenBLAS of a Python wheel is put into `.cache/blas`.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";

const WHEEL = "scipy-openblas32==0.3.30.0.8";

/** @returns {Record<string, string>} variables with which a child process finds it */
export function findBlas(root) {
  if (isThere(root, {})) return {};
  console.log("No BLAS found: installing one for the tests …");
  if (process.platform === "linux" && process.getuid() === 0 && quietly("apt-get", ["--version"])) {
    quietly("apt-get", ["update"]);
    quietly("apt-get", ["install", "-y", "--no-install-recommends", "libopenblas0"]);
    if (isThere(root, {})) return {};
  }
  // Laid out like an environment of Python, where the product looks.
  const environment = join(root, ".cache", "blas");
  const variables = { VIRTUAL_ENV: environment };
  const target = join(environment, "lib", "python3", "site-packages");
  if (!existsSync(join(target, "scipy_openblas32"))) {
    mkdirSync(target, { recursive: true });
    const pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--target", target, WHEEL];
    quietly("python3", pip);
  }
  if (isThere(root, variables)) return variables;
  console.log("There is still none; tests of the wasm backend with BLAS will be skipped.");
  return {};
}

/** Asks the product itself. */
function isThere(root, variables) {
  const { stdout } = spawnSync(process.execPath, ["dist/cli.js", "devices", "--json"], {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, ...variables },
  });
  try {
    const { devices } = JSON.parse(stdout);
    return devices.find(({ device }) => device === "wasm").missing === undefined;
  } catch {
    return false;
  }
}

const quietly = (command, args) =>
  spawnSync(command, args, {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", PIP_ROOT_USER_ACTION: "ignore" },
  }).status === 0;
