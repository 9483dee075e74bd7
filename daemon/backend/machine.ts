/** The machine as far as searching it for libraries depends on it, and where its Pythons keep their packages. */
import { readdirSync, readlinkSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, isAbsolute, join, resolve } from "node:path";

/** A test hands in its own. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly env: NodeJS.ProcessEnv;
  /** Names in a folder; empty when there is no such folder. */
  readonly list: (folder: string) => readonly string[];
}

export const THIS_MACHINE: Machine = {
  platform: process.platform,
  env: process.env,
  list(folder) {
    try {
      return readdirSync(folder).sort();
    } catch {
      return [];
    }
  },
};

const MOST_LINKS = 10;

/**
 * `site-packages` folders of the Pythons in reach: active environments, those on the path, the user's. A relative entry
 * of the path is the folder that the process happens to run in: its files are not trusted.
 */
export function pythonSites(machine: Machine): string[] {
  const { env, list, platform } = machine;
  const prefixes = [env.VIRTUAL_ENV, env.CONDA_PREFIX]
    .filter((prefix) => prefix !== undefined)
    .filter(isAbsolute);
  for (const folder of (env.PATH ?? "").split(delimiter).filter(isAbsolute)) {
    const python = list(folder).find((name) => /^python3?(\.exe)?$/.test(name));
    if (python === undefined) continue;
    const own = platform === "win32" ? folder : dirname(folder);
    prefixes.push(own, ...prefixesOf(join(folder, python)));
    // Where pip installs for the system's Python.
    if (own === "/usr") prefixes.push("/usr/local");
  }
  const pyenv = join(homedir(), ".pyenv", "versions");
  prefixes.push(...list(pyenv).map((version) => join(pyenv, version)), join(homedir(), ".local"));
  const sites = prefixes.flatMap((prefix) => sitesIn(machine, prefix));
  return [...new Set([...sites, ...userSites(machine)])];
}

/** Of one installation or environment. */
export function sitesIn({ list }: Machine, prefix: string): string[] {
  return [
    join(prefix, "Lib", "site-packages"),
    ...["lib", "lib64"].flatMap((lib) =>
      list(join(prefix, lib))
        .filter((name) => /^python3(\.\d+)?$/.test(name))
        .flatMap((name) => [
          join(prefix, lib, name, "site-packages"),
          join(prefix, lib, name, "dist-packages"),
        ]),
    ),
  ];
}

/** Where pip installs on Windows for who may not write into the installation. */
function userSites({ env, list, platform }: Machine): string[] {
  if (platform !== "win32" || env.APPDATA === undefined) return [];
  const root = join(env.APPDATA, "Python");
  return list(root).map((version) => join(root, version, "site-packages"));
}

/** An executable on the path is often a link to a link: each may lie in an installation of its own. */
function prefixesOf(executable: string): string[] {
  const prefixes: string[] = [];
  let path = executable;
  try {
    for (let links = 0; links < MOST_LINKS; links++) {
      path = resolve(dirname(path), readlinkSync(path));
      prefixes.push(dirname(dirname(path)));
    }
  } catch {
    // The end of the chain: no link.
  }
  try {
    prefixes.push(dirname(dirname(realpathSync(executable))));
  } catch {
    // A link to nowhere.
  }
  return prefixes;
}
