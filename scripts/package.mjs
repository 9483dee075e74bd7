/**
 * `npm run package [target…]`: one VSIX a platform under `out/vsix/`, with that platform's native parts and no others;
 * `portable` has none and computes on the processor. Everything is built anew, beside `dist/`, which others may be
 * using; what has to be in a package is checked. Prints the sizes. All targets by default.
 */
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { createVSIX } from "@vscode/vsce";
import { wrongIn } from "./packageContents.mjs";

const root = fileURLToPath(new URL("../", import.meta.url));
const at = (...parts) => path.join(root, ...parts);
const out = at("out/vsix");
const built = path.join(out, "dist");

/** Folder of Dawn's binary in the `webgpu` package, by target. */
const DAWN = {
  "linux-x64": "linux-x64",
  "linux-arm64": "linux-arm64",
  "darwin-arm64": "darwin-universal",
  "darwin-x64": "darwin-universal",
  "win32-x64": "win32-x64",
};
const TARGETS = [...Object.keys(DAWN), "portable"];

/** Of the build; the command line is for npm. */
const PARTS = ["kernels", "wasm", "report", "daemon", "extension", "webview"];
const MEDIA = [
  "icon.png",
  "activity.svg",
  "tab-light.svg",
  "tab-dark.svg",
  "modeling",
  "recipe",
  "sample",
  "walkthrough",
];

const asked = process.argv.slice(2);
const unknown = asked.filter((target) => !TARGETS.includes(target));
if (unknown.length > 0) {
  console.error(`Unknown target ${unknown.join(", ")}; there are ${TARGETS.join(", ")}.`);
  process.exit(2);
}
rmSync(built, { recursive: true, force: true });
const { status } = spawnSync(process.execPath, ["scripts/build.mjs", ...PARTS, "--out", built], {
  cwd: root,
  stdio: "inherit",
});
if (status !== 0) process.exit(1);
const manifest = JSON.parse(readFileSync(at("package.json"), "utf8"));
mkdirSync(out, { recursive: true });
for (const target of asked.length > 0 ? asked : TARGETS) {
  const stage = path.join(out, "stage", target);
  rmSync(stage, { recursive: true, force: true });
  fill(stage);
  if (target !== "portable") addNative(stage, target);
  const wrong = wrongIn(stage, { target, dawn: DAWN[target], manifest });
  if (wrong.length > 0) {
    console.error(`The package for ${target} is not whole:\n  ${wrong.join("\n  ")}`);
    process.exit(1);
  }
  const file = path.join(out, `${manifest.name}-${target}-${manifest.version}.vsix`);
  await createVSIX({
    cwd: stage,
    packagePath: file,
    ...(target === "portable" ? {} : { target }),
    dependencies: false,
    rewriteRelativeLinks: false,
    allowMissingRepository: true,
  });
  console.log(
    `${(statSync(file).size / 1e6).toFixed(1).padStart(6)} MB  ${path.relative(root, file)}`,
  );
}

/** Everything that is the same on all platforms. */
function fill(stage) {
  copy(built, path.join(stage, "dist"));
  for (const name of MEDIA) copy(at("media", name), path.join(stage, "media", name));
  for (const name of ["LICENSE", "CHANGELOG.md"]) copy(at(name), path.join(stage, name));
  // Everything here is meant to be shipped.
  writeFileSync(path.join(stage, ".vscodeignore"), "");
  // Pictures would have to be fetched from the web to be shown in the extension's page.
  const readme = readFileSync(at("README.md"), "utf8").replace(/^!\[[^\]]*\]\([^)]*\)\n*/gm, "");
  writeFileSync(path.join(stage, "README.md"), readme);
  const { name, displayName, version, description, license, publisher, icon, galleryBanner } =
    manifest;
  const { categories, keywords, type, main, engines, extensionKind, capabilities } = manifest;
  const { activationEvents, contributes } = manifest;
  const shipped = {
    ...{ name, displayName, version, description, license, publisher, icon, galleryBanner },
    ...{ categories, keywords, type, main, engines, extensionKind, capabilities },
    ...{ activationEvents, contributes },
  };
  writeFileSync(path.join(stage, "package.json"), JSON.stringify(shipped, null, 2));
}

/** Below `dist`, where the worker's own look for packages begins. */
function addNative(stage, target) {
  const packages = path.join(stage, "dist/node_modules");
  const script = (file) => /\.(c?js|json)$|LICENSE/i.test(file) || !path.extname(file);
  copy(at("node_modules/koffi"), path.join(packages, "koffi"), (file) => {
    return script(file) && !/[\\/]koffi[\\/](doc|vendor|lib|cnoke)/.test(file);
  });
  copy(koffiBinary(target), path.join(packages, `@koromix/koffi-${target}`));
  const dawn = at("node_modules/webgpu");
  for (const name of ["index.js", "package.json", "LICENSE.md", `dist/${DAWN[target]}`]) {
    copy(path.join(dawn, name), path.join(packages, "webgpu", name));
  }
}

/** Installed for this machine; fetched once for the others. */
function koffiBinary(target) {
  const name = `@koromix/koffi-${target}`;
  const installed = at("node_modules", name);
  if (existsSync(installed)) return installed;
  const cache = at(".cache/natives", target);
  const fetched = path.join(cache, "node_modules", name);
  if (existsSync(fetched)) return fetched;
  const { version } = JSON.parse(readFileSync(at("node_modules/koffi/package.json"), "utf8"));
  mkdirSync(cache, { recursive: true });
  writeFileSync(path.join(cache, "package.json"), '{ "private": true }');
  // A package for another platform: npm refuses it without force.
  const args = [
    "install",
    "--force",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    `${name}@${version}`,
  ];
  const { status } = spawnSync("npm", args, {
    cwd: cache,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  if (status !== 0 || !existsSync(fetched))
    throw new Error(`npm could not bring ${name}@${version}`);
  return fetched;
}

function copy(from, to, filter) {
  mkdirSync(path.dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true, ...(filter ? { filter } : {}) });
}
