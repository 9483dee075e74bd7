/** Packages for a fresh clone: installs when node_modules is missing or older than the lock. */
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));
const lock = `${root}package-lock.json`;
/** What npm leaves at the end of every installation. */
const installed = `${root}node_modules/.package-lock.json`;

/** @returns {boolean} whether the packages are there now */
export function installPackages() {
  const locked = existsSync(lock);
  if (existsSync(installed) && !(locked && statSync(lock).mtimeMs > statSync(installed).mtimeMs)) {
    return true;
  }
  console.log("Installing packages (only the first time) …");
  // No package needs its scripts here: binaries come prebuilt inside the packages.
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const npm = (command) =>
    spawnSync("npm", [...command, ...flags], {
      cwd: root,
      stdio: "inherit",
      // npm is a script on Windows, which only a shell starts.
      shell: process.platform === "win32",
    }).status === 0;
  if (locked && npm(["ci"])) return true;
  // A registry may lack one of the exact versions; those that package.json allows serve as well.
  return npm(["install", "--no-save"]);
}
