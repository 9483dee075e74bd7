/** What every bundle for Node has in common. */

/** Native or very large packages: loaded from node_modules at run time, where they are installed. */
export const EXTERNAL = ["koffi", "webgpu", "@tensorflow/tfjs-node", "@tensorflow/tfjs-node-gpu"];

/** CUDA C and the like are imported as text. */
export const LOADER = { ".cu": "text" };

/** Packages in CommonJS call `require` and read `__dirname`, which ESM does not have. */
export const NODE_BANNER = [
  'import { createRequire as __createRequire } from "node:module";',
  'import { fileURLToPath as __fileURLToPath } from "node:url";',
  "const require = __createRequire(import.meta.url);",
  "const __filename = __fileURLToPath(import.meta.url);",
  'const __dirname = __fileURLToPath(new URL(".", import.meta.url));',
].join("\n");
