/** Published models (shared data, absent outside the workshop): read, written again, the same tensors. */

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  CheckpointWriter,
  companionFiles,
  openCheckpoint,
  planShards,
} from "../../daemon/checkpoint/index.ts";
import { useTemporaryFolder } from "./support.ts";

const DATA = join(import.meta.dirname, "../../../shared/data");

describe
  .skipIf(!existsSync(DATA))
  .each(["stories260K", "stories260K-qwen2", "stories260K-mistral"])(
  "%s (needs ../shared/data)",
  (model) => {
    const folder = useTemporaryFolder();
    const root = join(DATA, model);

    it("goes through reader and writer unchanged, in one file and in many", async () => {
      const source = await openCheckpoint(root);
      const file = await readFile(join(root, "model.safetensors"));
      const json = file.subarray(8, 8 + Number(file.readBigUInt64LE())).toString();
      const names = [...json.matchAll(/"([^"]+)":\{"dtype"/g)].map(([, name]) => name);
      expect([...source.tensors.keys()].sort()).toEqual(names.sort());

      for (const maxShardBytes of [5e9, 100_000]) {
        const out = join(folder(), String(maxShardBytes));
        const plan = planShards([...source.tensors.values()], { maxShardBytes });
        const writer = await CheckpointWriter.create(out, plan);
        for (const name of source.tensors.keys()) {
          await writer.write(name, await source.readBytes(name));
        }
        for (const { path } of await companionFiles(root)) await writer.copyFile(path);
        await writer.finish();

        const copy = await openCheckpoint(out);
        expect(copy.files.length > 1).toBe(maxShardBytes < 5e9);
        for (const [name, { dtype, shape, offset, bytes }] of source.tensors) {
          expect(copy.tensors.get(name)).toMatchObject({ dtype, shape });
          const same = file.subarray(offset, offset + bytes).equals(await copy.readBytes(name));
          expect(same, name).toBe(true);
        }
        expect((await companionFiles(out)).map((f) => f.name)).toContain("tokenizer.json");
        await copy.close();
      }
      await source.close();
    });
  },
);
