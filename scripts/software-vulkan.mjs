/**
 * A Vulkan driver in software for machines without a GPU: SwiftShader and the Vulkan loader, as they come inside
 * the npm package `@sparticuz/chromium`, unpacked once into `.cache/swiftshader`. With it Dawn finds an adapter,
 * so that the `webgpu` backend can be tested anywhere that npm works (Linux, x64).
 *
 * The dynamic linker reads its variables when a process starts: give them to a child.
 *
 *     import { softwareVulkan } from "./software-vulkan.mjs";
 *     spawn(…, { env: { ...process.env, ...(await softwareVulkan()) } });
 *
 *     eval "$(node scripts/software-vulkan.mjs)"      # or in a shell
 */
import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";

const cache = fileURLToPath(new URL("../.cache/", import.meta.url));
const folder = join(cache, "swiftshader");
const DRIVER = "vk_swiftshader_icd.json";

/** @returns {Promise<Record<string, string>>} variables for a child process; none where there is no such driver */
export async function softwareVulkan(env = process.env) {
  if (process.platform !== "linux" || process.arch !== "x64") return {};
  if (!(await exists(join(folder, DRIVER)))) await unpack();
  return {
    LD_LIBRARY_PATH: [folder, env.LD_LIBRARY_PATH].filter(Boolean).join(":"),
    VK_ICD_FILENAMES: join(folder, DRIVER),
  };
}

async function unpack() {
  const entry = createRequire(import.meta.url).resolve("@sparticuz/chromium");
  const archive = join(await packageRoot(entry), "bin", "swiftshader.tar.br");
  await mkdir(cache, { recursive: true });
  // Unpacked beside, then renamed: two processes may do this at once.
  const temporary = await mkdtemp(join(cache, "swiftshader-"));
  for (const { name, bytes } of tarFiles(brotliDecompressSync(await readFile(archive)))) {
    await mkdir(dirname(join(temporary, name)), { recursive: true });
    await writeFile(join(temporary, name), bytes, { mode: 0o755 });
  }
  await rename(temporary, folder).catch(async (error) => {
    await rm(temporary, { recursive: true });
    if (!(await exists(join(folder, DRIVER)))) throw error;
  });
}

/** Regular files of a tar archive: a header block of 512 bytes each, the data padded to 512. */
function* tarFiles(archive) {
  const text = (start, length) =>
    archive.toString("latin1", start, start + length).replace(/\0.*/s, "");
  for (let at = 0; at + 512 <= archive.length && archive[at] !== 0;) {
    const size = parseInt(text(at + 124, 12), 8);
    const type = text(at + 156, 1);
    const start = at + 512;
    if (type === "0" || type === "") {
      yield { name: text(at, 100), bytes: archive.subarray(start, start + size) };
    }
    at = start + Math.ceil(size / 512) * 512;
  }
}

async function packageRoot(file) {
  for (let here = dirname(file); here !== dirname(here); here = dirname(here)) {
    if (await exists(join(here, "package.json"))) {
      const { name } = JSON.parse(await readFile(join(here, "package.json"), "utf8"));
      if (name === "@sparticuz/chromium") return here;
    }
  }
  throw new Error("The package @sparticuz/chromium is not installed. Run `npm install`.");
}

async function exists(path) {
  return (await stat(path).catch(() => null)) !== null;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, value] of Object.entries(await softwareVulkan())) {
    console.log(`export ${name}='${value}'`);
  }
}
