/** The one command that installs a system package, in the words of this machine's package manager. */
import { existsSync } from "node:fs";

export interface Packages {
  readonly apt: string;
  readonly dnf: string;
  readonly pacman: string;
}

const MANAGERS = [
  { name: "apt", program: "/usr/bin/apt-get", command: "sudo apt install" },
  { name: "dnf", program: "/usr/bin/dnf", command: "sudo dnf install" },
  { name: "pacman", program: "/usr/bin/pacman", command: "sudo pacman -S" },
] as const;

/** @returns undefined where none of these package managers is */
export function installCommand(
  packages: Packages,
  exists: (path: string) => boolean = existsSync,
): string | undefined {
  const manager = MANAGERS.find(({ program }) => exists(program));
  return manager && `${manager.command} ${packages[manager.name]}`;
}

export const OPENBLAS: Packages = {
  apt: "libopenblas0-pthread",
  dnf: "openblas-threads",
  pacman: "openblas",
};

export const VULKAN: Packages = {
  apt: "libvulkan1 mesa-vulkan-drivers",
  dnf: "vulkan-loader mesa-vulkan-drivers",
  pacman: "vulkan-icd-loader vulkan-swrast",
};
