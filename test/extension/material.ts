/** The workspace of the tests in the extension host. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { writeTinyModel, writeTinyText } from "../support/tinyModel.ts";

/** Fills `folder` with a tiny checkpoint, recipes for it, and files that are none. */
export async function writeMaterial(folder: string): Promise<void> {
  await writeTinyModel(folder, { layers: 2 });
  await writeTinyText(join(folder, "text.txt"));
  const recipe = {
    checkpoint: "./model",
    out: "./pruned",
    method: "sparsegpt",
    sparsity: "2:4",
    calibration: "./text.txt",
    samples: 4,
    seqLen: 24,
    steps: 10,
    device: "wasm",
  };
  await writeFile(join(folder, "tiny.denoise.json"), JSON.stringify(recipe, null, 2));
  await writeFile(join(folder, "empty.denoise.json"), "{\n  \n}\n");
  await mkdir(join(folder, "other"));
  await writeFile(join(folder, "other", "config.json"), '{ "port": 8080 }\n');
  await mkdir(join(folder, "broken"));
  await writeFile(join(folder, "broken", "config.json"), '{ "model_type": "llama" }\n');
  await writeFile(join(folder, "broken", "model.safetensors"), Buffer.from("no header at all"));
}
