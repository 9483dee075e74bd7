/** The settings of package.json as typed values: read here and nowhere else. */
import { workspace, type ConfigurationScope } from "vscode";
import { DEVICE_CHOICES } from "../daemon/vocabulary.ts";

export const SECTION = "denoise-rotator";

export const EFFORTS = ["fast", "balanced", "thorough"] as const;
export type Effort = (typeof EFFORTS)[number];
const NOTIFY = ["all", "failures", "none"] as const;

export interface Settings {
  /** Empty: look for one. */
  readonly nodePath: string;
  /** Empty: the daemon's own default. */
  readonly stateFolder: string;
  /** One of several GPUs, `cuda:1`, is for recipes. */
  readonly device: (typeof DEVICE_CHOICES)[number];
  readonly effort: Effort;
  readonly notifications: (typeof NOTIFY)[number];
}

export function readSettings(scope?: ConfigurationScope): Settings {
  const configuration = workspace.getConfiguration(SECTION, scope);
  // A person may have written anything into settings.json.
  const text = (name: string) => {
    const value = configuration.get<unknown>(name);
    return typeof value === "string" ? value.trim() : "";
  };
  const word = <T extends string>(name: string, words: readonly T[], otherwise: T): T => {
    const value = text(name);
    return words.find((known) => known === value) ?? otherwise;
  };
  return {
    nodePath: text("nodePath"),
    stateFolder: text("stateFolder"),
    device: word("device", DEVICE_CHOICES, "auto"),
    effort: word("effort", EFFORTS, "balanced"),
    notifications: word("notifications", NOTIFY, "all"),
  };
}
