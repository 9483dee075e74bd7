/** The settings of package.json as typed values: read here and nowhere else. */
import { workspace, type ConfigurationScope } from "vscode";
import { isDeviceChoice, type DeviceChoice } from "../daemon/vocabulary.ts";

export const SECTION = "denoise-rotator";

export const EFFORTS = ["fast", "balanced", "thorough"] as const;
export type Effort = (typeof EFFORTS)[number];
const NOTIFY = ["all", "failures", "none"] as const;

export interface Settings {
  /** Empty: look for one. */
  readonly nodePath: string;
  /** Empty: the daemon's own default. */
  readonly stateFolder: string;
  /** `auto` where the setting is no device, which {@link wrongDevice} tells. */
  readonly device: DeviceChoice;
  /** As `DENOISE_ROTATOR_CUDA`; empty: what that says to the daemon. */
  readonly cudaFolder: string;
  readonly effort: Effort;
  readonly notifications: (typeof NOTIFY)[number];
}

/** What stands there for a device and is none; null where it is one. */
export function wrongDevice(): string | null {
  const value = workspace.getConfiguration(SECTION).get<unknown>("device");
  const text = typeof value === "string" ? value.trim() : JSON.stringify(value);
  return isDeviceChoice(text) ? null : text;
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
  const device = text("device");
  return {
    nodePath: text("nodePath"),
    stateFolder: text("stateFolder"),
    device: isDeviceChoice(device) ? device : "auto",
    cudaFolder: text("cudaFolder"),
    effort: word("effort", EFFORTS, "balanced"),
    notifications: word("notifications", NOTIFY, "all"),
  };
}
