/**
 * Finds a Node.js that can run the daemon: never Electron, in which Dawn (`webgpu`) does not work and whose lifetime is
 * the window's.
 */
import { execFile } from "node:child_process";
import { access, constants, readdir } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { omit } from "../omit.ts";
import { noNode } from "./errors.ts";

export interface NodeFound {
  readonly path: string;
  readonly version: string;
}

export interface FindNodeOptions {
  /** The person's setting; where it is given, nothing else is tried. */
  readonly setting?: string;
  /** The Node that runs the caller, e.g. the remote server's own. Default: this process, if it is no Electron. */
  readonly own?: string | null;
  readonly env?: NodeJS.ProcessEnv;
}

const LEAST = "20.11";
const PROBE_MS = 10_000;

/** @throws daemon/no-node */
export async function findNode(options: FindNodeOptions = {}): Promise<NodeFound> {
  const tried: string[] = [];
  for (const path of await candidates(options)) {
    const version = await probe(path);
    if (version !== null && isEnough(version)) return { path, version };
    tried.push(`${path}: ${version === null ? "is no Node.js" : `version ${version}`}`);
  }
  throw noNode(tried, LEAST);
}

async function candidates({ setting, own, env = process.env }: FindNodeOptions): Promise<string[]> {
  if (setting !== undefined && setting !== "") return [setting];
  const mine = own === undefined ? ownNode() : own;
  const name = process.platform === "win32" ? "node.exe" : "node";
  const folders = [
    ...(env.PATH ?? "").split(delimiter).filter((f) => f !== ""),
    ...(await usual()),
  ];
  const present: string[] = [];
  for (const path of folders.map((folder) => join(folder, name))) {
    const runs = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) present.push(path);
  }
  return [...new Set([...(mine === null ? [] : [mine]), ...present])];
}

const ownNode = (): string | null => (process.versions.electron ? null : process.execPath);

/** Where Node is put, but programs started from a dock or menu do not have on their PATH. */
async function usual(): Promise<string[]> {
  if (process.platform === "win32") return [];
  const nvm = join(homedir(), ".nvm", "versions", "node");
  const versions = (await readdir(nvm).catch(() => [])).toSorted((a, b) =>
    b.localeCompare(a, "en", { numeric: true }),
  );
  return [
    "/opt/homebrew/bin",
    "/usr/local/bin",
    "/usr/bin",
    join(homedir(), ".volta", "bin"),
    ...versions.map((version) => join(nvm, version, "bin")),
  ];
}

/** @returns its version; null where it is no Node.js, or is Electron */
function probe(path: string): Promise<string | null> {
  const script = "process.stdout.write(process.versions.electron ? '' : process.versions.node)";
  const env = omit(process.env, "ELECTRON_RUN_AS_NODE", "NODE_OPTIONS");
  return new Promise((resolve) => {
    execFile(path, ["-e", script], { timeout: PROBE_MS, env }, (error, stdout) => {
      resolve(error || !/^\d+\.\d+\.\d+/.test(stdout) ? null : stdout.trim());
    });
  });
}

function isEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [leastMajor = 0, leastMinor = 0] = LEAST.split(".").map(Number);
  return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}
