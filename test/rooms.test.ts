/** Who may import whom (CONTRIBUTING.md): read from the sources, so that a shortcut through a wall fails here. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "..");
const SHARED = [
  "vocabulary.ts",
  "report.ts",
  "errors.ts",
  "wording.ts",
  "random.ts",
  "version.ts",
  "omit.ts",
  "runFiles.ts",
  "processState.ts",
];

/** The wire protocol is a doorway file with a folder of its parts. */
const PROTOCOL = ["protocol.ts", "protocol"];

/** Rooms of the daemon a room may import, besides itself and the shared files. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  checkpoint: [],
  text: [],
  hub: ["checkpoint"],
  tasks: ["text"],
  backend: [],
  model: ["checkpoint", "backend"],
  method: ["backend"],
  pipeline: ["checkpoint", "text", "tasks", "backend", "model", "method"],
  cli: ["checkpoint", "hub", "backend", "pipeline"],
  instance: [],
  recipe: ["checkpoint", "backend", "pipeline", ...PROTOCOL],
  jobs: ["hub", "recipe", "backend", "pipeline", ...PROTOCOL],
  tiles: ["checkpoint", ...PROTOCOL],
  language: ["recipe", "jobs", "pipeline", ...PROTOCOL],
  session: ["jobs", "language", "recipe", "tiles", "checkpoint", "backend", ...PROTOCOL],
};

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const IMPORT =
  /(?:import|export)\s+(type\s+)?(?:[\w*{][^;]*?\sfrom\s+)?"(\.[^"]+)"|import\("(\.[^"]+)"\)/g;

function importsUnder(folder: string): Import[] {
  const files = readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" });
  return files
    .filter((file) => file.endsWith(".ts") && !file.includes("assembly/"))
    .flatMap((file) => {
      const path = join(ROOT, folder, file);
      return [...readFileSync(path, "utf8").matchAll(IMPORT)].map((match) => ({
        from: relative(ROOT, path),
        to: relative(ROOT, resolve(dirname(path), match[2] ?? match[3] ?? "")),
        typeOnly: match[1] !== undefined,
      }));
    });
}

/** `session.ts` is the doorway of `session/`, and the worker is a part of `jobs` that runs in its own process. */
const PART_OF: Readonly<Record<string, string>> = { "session.ts": "session", "worker.ts": "jobs" };

const roomOf = (path: string): string => {
  const name = path.split("/")[1] ?? "";
  return PART_OF[name] ?? name;
};

describe("daemon", () => {
  const imports = importsUnder("daemon");

  test("the imports were found", () => {
    expect(imports.length).toBeGreaterThan(300);
  });

  test.each(Object.entries(ALLOWED))("%s imports only %o", (room, allowed) => {
    const wrong = imports.filter(({ from, to }) => {
      if (!from.startsWith(`daemon/${room}/`) || to === "package.json") return false;
      const target = roomOf(to);
      return target !== room && !allowed.includes(target) && !SHARED.includes(target);
    });
    expect(wrong).toEqual([]);
  });

  test("rooms are entered by their doorway", () => {
    const wrong = imports.filter(({ from, to }) => {
      const [a, b] = [roomOf(from), roomOf(to)];
      const doorways = [`daemon/${b}/index.ts`, `daemon/${b}.ts`];
      return a !== b && b in ALLOWED && !doorways.includes(to);
    });
    expect(wrong).toEqual([]);
  });

  test("only backend/select.ts reaches a device's code", () => {
    const device = /^daemon\/backend\/(cuda|wasm|webgpu|tensorflow)/;
    const wrong = imports.filter(
      ({ from, to, typeOnly }) =>
        device.test(to) && !device.test(from) && from !== "daemon/backend/select.ts" && !typeOnly,
    );
    expect(wrong).toEqual([]);
  });
});

test("the webview imports only types of the daemon, from report.ts and vocabulary.ts", () => {
  const wrong = importsUnder("webview").filter(
    ({ to, typeOnly }) =>
      to.startsWith("daemon/") &&
      !(typeOnly || to === "daemon/vocabulary.ts") &&
      !["daemon/report.ts", "daemon/vocabulary.ts"].includes(to),
  );
  expect(wrong).toEqual([]);
});

describe("webview", () => {
  /** What a room of the pages may import besides itself; `panels` holds a folder for each page. */
  const allowed: Readonly<Record<string, readonly string[]>> = {
    charts: [],
    controls: ["charts"],
    schemas: [],
    messages: ["schemas"],
    words: ["charts"],
    matrix: ["charts", "messages"],
    heatmaps: ["charts", "controls", "matrix", "messages", "words"],
    report: ["charts", "controls", "schemas", "words"],
    panels: ["charts", "controls", "heatmaps", "matrix", "messages", "words"],
    form: ["charts", "controls", "words"],
  };
  const imports = importsUnder("webview").filter(({ to }) => to.startsWith("webview/"));
  const nameOf = (path: string) => (path.split("/")[1] ?? "").replace(/\.ts$/, "");

  test.each(Object.entries(allowed))("%s imports only %o", (room, others) => {
    const own = imports.filter(({ from }) => nameOf(from) === room);
    const wrong = own.filter(({ to }) => nameOf(to) !== room && !others.includes(nameOf(to)));
    expect(wrong).toEqual([]);
  });

  test("rooms are entered by their doorway", () => {
    const doorway = /^webview\/(messages\.ts|words\.ts|schemas\/report\.ts|\w+\/index\.ts)$/;
    const wrong = imports.filter(
      ({ from, to }) => nameOf(from) !== nameOf(to) && !doorway.test(to),
    );
    expect(wrong).toEqual([]);
  });

  test("a page does not reach into another", () => {
    const pageOf = (path: string) => /^webview\/panels\/(\w+)\//.exec(path)?.[1];
    const wrong = imports.filter(
      ({ from, to }) => pageOf(to) !== undefined && pageOf(from) !== pageOf(to),
    );
    expect(wrong).toEqual([]);
  });
});

describe("extension", () => {
  const imports = importsUnder("extension");
  const inside = (path: string) => path.startsWith("extension/");

  test("of the daemon it knows the protocol, and how to find it", () => {
    const doorways = ["daemon/protocol.ts", "daemon/connect.ts"];
    // Types of reports and roles travel in the protocol.
    const words = ["daemon/report.ts", "daemon/vocabulary.ts"];
    const wrong = imports.filter(
      ({ to }) => to.startsWith("daemon/") && ![...doorways, ...words].includes(to),
    );
    expect(wrong).toEqual([]);
    expect(imports.filter(({ to }) => doorways.includes(to)).length).toBeGreaterThan(10);
  });

  test("of the pages it knows the messages", () => {
    const wrong = imports.filter(
      ({ to }) =>
        to.startsWith("webview/") &&
        !["webview/messages.ts", "webview/form/messages.ts"].includes(to),
    );
    expect(wrong).toEqual([]);
  });

  test("rooms are entered by their doorway", () => {
    const roomOfPart = (path: string) => path.split("/").slice(0, -1).join("/");
    const wrong = imports.filter(
      ({ from, to }) =>
        inside(to) &&
        roomOfPart(to) !== "extension" &&
        roomOfPart(from) !== roomOfPart(to) &&
        !to.endsWith("/index.ts"),
    );
    expect(wrong).toEqual([]);
  });

  test("neither pages nor the daemon import it", () => {
    const others = [...importsUnder("webview"), ...importsUnder("daemon")];
    expect(others.filter(({ to }) => inside(to))).toEqual([]);
  });
});
