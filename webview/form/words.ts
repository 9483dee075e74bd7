/** What the form says of the values it holds. */
import { EFFORTS, type Effort, type FormValues } from "./messages.ts";

/** Its folder's name. */
export function checkpointName(checkpoint: string): string {
  const parts = checkpoint.split(/[\\/]/);
  const isFile = /\.(json|safetensors)$/.test(checkpoint);
  return parts.at(isFile ? -2 : -1) ?? "";
}

/** What stands where no calibration file is chosen. @param found the text beside the weights */
export function calibrationWords({ method }: FormValues, found: string | null): string {
  if (method === "magnitude") return "Magnitude needs none; the rotation uses none either.";
  if (found === null) return "None beside the weights: choose a file.";
  return `${found.split(/[\\/]/).at(-1) ?? ""}, beside the weights`;
}

/** Undefined: steps and windows are those of none. */
export const effortOf = ({ steps, samples }: FormValues): Effort | undefined => {
  const names: readonly Effort[] = ["fast", "balanced", "thorough"];
  return names.find((name) => EFFORTS[name].steps === steps && EFFORTS[name].samples === samples);
};
