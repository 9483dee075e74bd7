/** The bundled sample: a small trained model with its texts. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sampleMissing } from "../errors.ts";

export interface Sample {
  readonly checkpoint: string;
  readonly calibration: string;
  readonly evaluation: string;
}

/** `media/sample`, seen from `dist/` or from the source. @throws cli/sample-missing */
export function findSample(): Sample {
  const places = ["../media/sample", "../../../media/sample"].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
  const folder = places.find((place) => existsSync(place)) ?? places[0] ?? "";
  const file = (name: string): string => {
    const path = join(folder, name);
    if (!existsSync(path)) throw sampleMissing(path);
    return path;
  };
  file("model.safetensors");
  return {
    checkpoint: folder,
    calibration: file("calibration.txt"),
    evaluation: file("evaluation.txt"),
  };
}
