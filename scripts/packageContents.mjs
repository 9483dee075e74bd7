/** What a package of the extension must hold: a file that is missing shows only when a person needs it. */
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";

const PAGES = ["run", "layerMap", "matrix", "distribution", "safetensors", "form"];
const BUILT = [
  ...["extension.cjs", "extension.later.cjs", "daemon.js", "worker.js"],
  ...["report.js", "report.css", "kernels.wasm"],
  ...["", "-simd", "-threaded-simd"].map((kind) => `tfjs-backend-wasm${kind}.wasm`),
  ...PAGES.flatMap((page) => [`webview/${page}.js`, `webview/${page}.css`]),
];
const MEDIA = [
  "tab-light.svg",
  "tab-dark.svg",
  "modeling/configuration_denoise_rotator.py",
  "modeling/modeling_denoise_rotator.py",
  "sample/model.safetensors",
];

/**
 * @param {string} stage folder that is packed
 * @param {{ target: string, dawn: string | undefined, manifest: object }} kind `dawn`: folder of Dawn's binary, none for
 *   `portable`
 * @returns {string[]} what is missing, or too much
 */
export function wrongIn(stage, { target, dawn, manifest }) {
  const named = JSON.stringify(manifest.contributes).match(/(?<=")media\/[^"]+/g) ?? [];
  const needed = [
    ...["package.json", "README.md", "LICENSE", "CHANGELOG.md", manifest.main, manifest.icon],
    ...BUILT.map((name) => `dist/${name}`),
    ...MEDIA.map((name) => `media/${name}`),
    ...named,
  ];
  const missing = needed.filter((name) => !existsSync(path.join(stage, name)));
  const surplus = namesIn(path.join(stage, "dist")).filter(
    (name) => name !== "node_modules" && !BUILT.some((one) => one.split("/")[0] === name),
  );
  return [
    ...missing.map((name) => `${name} is missing`),
    ...surplus.map((name) => `dist/${name} does not belong here`),
    ...wrongNatives(path.join(stage, "dist/node_modules"), target, dawn),
  ];
}

/** Exactly the binaries of the target. */
function wrongNatives(packages, target, dawn) {
  const sets = [
    ["@koromix", `koffi-${target}`],
    ["webgpu/dist", dawn],
  ];
  return sets.flatMap(([folder, only]) => {
    const found = namesIn(path.join(packages, folder));
    if (dawn === undefined) return found.map((name) => `${folder}/${name} is for another platform`);
    if (found.length !== 1 || found[0] !== only) {
      return [`${folder} holds ${found.join(", ") || "nothing"}, not ${only} alone`];
    }
    const files = readdirSync(path.join(packages, folder, only), { recursive: true });
    return files.some((name) => /\.(node|dll|so|dylib)$/.test(name))
      ? []
      : [`${folder}/${only} holds no binary`];
  });
}

const namesIn = (folder) => (existsSync(folder) ? readdirSync(folder) : []);
