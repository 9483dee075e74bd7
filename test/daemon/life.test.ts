/** The daemon itself: one of it, found again, replaced, killed, and never taken down by what a client sends. */
import { spawnSync } from "node:child_process";
import { chmod, chown, mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { delimiter, join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ensureDaemon, findNode } from "../../daemon/connect.ts";
import { highestSeat } from "../../daemon/instance/index.ts";
import {
  ERROR,
  INSPECT,
  MAX_MESSAGE_BYTES,
  PRUNE,
  RESUME,
  STATUS,
  type JobUpdate,
} from "../../daemon/protocol.ts";
import { VERSION } from "../../daemon/version.ts";
import { bundleDaemon } from "./bundle.ts";
import {
  endProcess,
  gone,
  Harness,
  material,
  reportBuilt,
  workerOf,
  written,
  type Material,
} from "./harness.ts";

const NEWER = "999.0.0";
const NOBODY = 65_534;
let entry: string;
let newerEntry: string;
let harness: Harness;
let data: Material;

beforeAll(async () => {
  [entry, newerEntry, data] = await Promise.all([
    bundleDaemon("daemon-test-life"),
    bundleDaemon("daemon-test-newer", NEWER),
    material(),
  ]);
  harness = new Harness(entry);
});
afterEach(() => harness.cleanUp());
afterAll(() => rm(data.folder, { recursive: true, force: true }));

const sockets = async (home: string) =>
  (await readdir(home)).filter((name) => name.endsWith(".sock"));
const seats = async (home: string) =>
  (await readdir(home)).filter((name) => name.startsWith("seat-"));

describe("one daemon", () => {
  test("several starts at once end with one; the next finds it", async () => {
    const home = await harness.home();
    // Not for long: a late loser may take the seat again when the test is over.
    const idleSeconds = 10;
    const found = await Promise.all([1, 2, 3, 4].map(() => harness.daemon(home, { idleSeconds })));
    expect(new Set(found.map(({ pid }) => pid)).size).toBe(1);
    expect(found.filter(({ started }) => started).length).toBeLessThanOrEqual(1);
    expect(await harness.daemon(home)).toMatchObject({ pid: found[0]?.pid, started: false });
    const client = await harness.client(await harness.daemon(home));
    expect(await client.ask(STATUS, {})).toMatchObject({
      version: VERSION,
      activeJobs: 0,
      folder: home,
    });
  });

  test("what one has left that was killed does not stop the next, and is cleared away", async () => {
    const home = await harness.home();
    const first = await harness.daemon(home);
    await endProcess(first.pid, "SIGKILL");
    expect(await sockets(home)).toHaveLength(1);
    const second = await harness.daemon(home);
    expect(second).toMatchObject({ started: true });
    expect([second.pid, second.token]).not.toContain(first.pid);
    const client = await harness.client(second);
    await client.ask(STATUS, {});
    expect([(await sockets(home)).length, await seats(home)]).toEqual([1, ["seat-2"]]);
  });

  test.skipIf(process.platform === "win32")(
    "nobody else may open its folder or socket",
    async () => {
      const home = await harness.home();
      const { socket } = await harness.daemon(home);
      for (const path of [home, socket, (await highestSeat(home))?.folder ?? ""]) {
        expect((await stat(path)).mode & 0o077, path).toBe(0);
      }
      const open = join(await harness.home(), "open");
      await mkdir(open);
      await chmod(open, 0o755);
      await expect(harness.daemon(open)).rejects.toMatchObject({
        code: "daemon/folder-not-private",
      });
    },
  );

  test.skipIf(process.getuid?.() !== 0)(
    `another user reaches neither socket nor folder${process.getuid?.() === 0 ? "" : " (needs root)"}`,
    async () => {
      const home = await harness.home();
      const { socket } = await harness.daemon(home);
      const reach = `
        const net = require("node:net"), fs = require("node:fs");
        try { fs.readdirSync(${JSON.stringify(home)}); console.log("read"); } catch (e) { console.log(e.code); }
        net.connect(${JSON.stringify(socket)})
          .on("connect", function () { console.log("connected"); this.destroy(); })
          .on("error", (e) => console.log(e.code));`;
      const who = { uid: NOBODY, gid: NOBODY, cwd: "/", encoding: "utf8" } as const;
      const { stdout, error } = spawnSync(process.execPath, ["-e", reach], who);
      expect([error, stdout.trim().split("\n")]).toEqual([undefined, ["EACCES", "EACCES"]]);
      // Nor is a folder used that another user has put there.
      const foreign = join(await harness.home(), "foreign");
      await mkdir(foreign, { mode: 0o700 });
      await chown(foreign, NOBODY, NOBODY);
      await expect(harness.daemon(foreign)).rejects.toMatchObject({
        code: "daemon/folder-not-private",
      });
    },
  );

  test("a state folder whose path is too long for a socket works all the same", async () => {
    const home = join(await harness.home(), "a".repeat(60), "b".repeat(60));
    const address = await harness.daemon(home);
    const client = await harness.client(address);
    expect(await client.ask(STATUS, {})).toMatchObject({ folder: home });
    await endProcess(address.pid, "SIGTERM");
  });

  test("it goes when it was idle, and takes its socket along", async () => {
    const home = await harness.home();
    const { pid } = await harness.daemon(home, { idleSeconds: 1 });
    await gone(pid);
    expect(await sockets(home)).toEqual([]);
  });

  test("a script that is no daemon is told with the log", async () => {
    const home = await harness.home();
    const start = { entry: join(home, "nothing.js"), node: process.execPath, home };
    await expect(ensureDaemon(start)).rejects.toMatchObject({ code: "daemon/did-not-start" });
    const noNode = { ...start, node: join(home, "no-node") };
    await expect(ensureDaemon(noNode)).rejects.toMatchObject({ code: "daemon/did-not-start" });
  });

  test("findNode takes what runs, and tells what it tried", async () => {
    expect(await findNode({ setting: process.execPath })).toEqual({
      path: process.execPath,
      version: process.versions.node,
    });
    await expect(findNode({ setting: "/nowhere/node" })).rejects.toMatchObject({
      code: "daemon/no-node",
      message: expect.stringContaining("/nowhere/node: is no Node.js") as string,
    });
  });

  test.skipIf(process.platform === "win32")(
    "findNode passes over Electron and what is too old, and takes the next on the PATH",
    async () => {
      const folder = await harness.home();
      const program = async (name: string, prints: string) => {
        const path = join(folder, name, "node");
        await mkdir(join(folder, name));
        await writeFile(path, `#!/bin/sh\nprintf '${prints}'\n`, { mode: 0o755 });
        return path;
      };
      // What the probe's question gives in Electron: nothing.
      const electron = await program("electron", "");
      const old = await program("old", "18.20.4");
      const good = await program("good", "20.11.0");
      const env = {
        PATH: ["electron", "old", "good"].map((name) => join(folder, name)).join(delimiter),
      };
      expect(await findNode({ own: null, env })).toEqual({ path: good, version: "20.11.0" });
      expect(await findNode({ own: process.execPath, env })).toMatchObject({
        path: process.execPath,
      });
      await expect(findNode({ setting: old, env })).rejects.toMatchObject({
        code: "daemon/no-node",
        message: expect.stringMatching(
          /20\.11 or newer.*node: version 18\.20\.4.*nodePath/s,
        ) as string,
      });
      await expect(findNode({ setting: electron, env })).rejects.toMatchObject({
        code: "daemon/no-node",
      });
    },
  );
});

describe.skipIf(!reportBuilt)("nobody watches", () => {
  test("a run outlives its client and the terminal that started the daemon", async () => {
    const home = await harness.home();
    const address = await harness.daemon(home);
    const before = await harness.client(address);
    await before.attach();
    const { id } = await before.ask(PRUNE, { recipe: data.recipe("alone") });
    await before.told(id, ({ type }: JobUpdate) => type === "layer");
    before.close();
    process.kill(address.pid, "SIGHUP");
    const after = await harness.client(await harness.daemon(home));
    const [job] = await after.attach();
    expect(["running", "done"]).toContain(job?.state);
    expect(await after.reached(id, "done")).toMatchObject({ attempt: 1, error: null });
  });
});

describe("versions", () => {
  test("a newer one replaces an idle older one, and never the other way round", async () => {
    const home = await harness.home();
    const old = await harness.daemon(home);
    const client = await harness.client(old);
    const newer = await harness.daemon(home, { entry: newerEntry, version: NEWER });
    expect(newer).toMatchObject({ version: NEWER, started: true });
    await client.closed;
    await gone(old.pid);
    expect(await harness.daemon(home)).toMatchObject({ pid: newer.pid, version: NEWER });
  });

  test("a busy older one is left to its work", async () => {
    const home = await harness.home();
    const old = await harness.daemon(home);
    const client = await harness.client(old);
    await client.attach();
    const { id } = await client.ask(PRUNE, { recipe: data.recipe("busy", { steps: 100_000 }) });
    await client.reached(id, "running");
    const found = await harness.daemon(home, { entry: newerEntry, version: NEWER });
    expect(found).toMatchObject({ pid: old.pid, version: VERSION });
    expect(await client.ask(STATUS, {})).toMatchObject({ activeJobs: 1 });
  });
});

describe.skipIf(!reportBuilt)("kill -9 of the daemon", () => {
  test("its worker ends too; the run is interrupted, and goes on with one request", async () => {
    const home = await harness.home();
    const first = await harness.daemon(home);
    const before = await harness.client(first);
    await before.attach();
    const { id } = await before.ask(PRUNE, { recipe: data.recipe("interrupted") });
    const worker = await workerOf(home, id);
    await written(home, id, ({ info }) => (info.progress?.fraction ?? 0) > 0);
    await endProcess(first.pid, "SIGKILL");
    await before.closed;
    await gone(worker);

    const client = await harness.client(await harness.daemon(home));
    const [job] = await client.attach();
    expect(job).toMatchObject({ id, state: "interrupted", resumable: true });
    expect(job?.progress?.fraction).toBeGreaterThan(0);
    const done = await client.ask(RESUME, { id, wait: true });
    expect(done).toMatchObject({ state: "done", attempt: 2, result: { sparsity: 0.5 } });
  });
});

describe("what a client may send", () => {
  /** The daemon's answers to raw bytes until it closes the connection, or has answered request `last`. */
  async function answersTo(address: string, bytes: Buffer | string, last?: number) {
    const socket = createConnection(address);
    socket.on("error", () => undefined);
    socket.write(bytes);
    let text = "";
    let answers: { id: number | null }[] = [];
    for await (const chunk of socket) {
      text += String(chunk);
      const bodies = text.split(/Content-Length: \d+\r\n\r\n/).filter((body) => body !== "");
      // Notifications have no id, and a body that has not come whole is read when it has.
      answers = bodies.flatMap((body) => {
        const value = parsed(body) as { id?: number | null } | undefined;
        return value?.id === undefined ? [] : [{ ...value, id: value.id }];
      });
      if (last !== undefined && answers.some(({ id }) => id === last)) break;
    }
    socket.destroy();
    return answers;
  }
  function parsed(text: string): unknown {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      return undefined;
    }
  }
  const frame = (body: string | object) => {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
  };
  const call = (id: number, method: string, params: object = {}) =>
    frame({ jsonrpc: "2.0", id, method, params });
  const initialize = (token: string, processId: number | null = null) =>
    call(1, "initialize", { processId, capabilities: {}, initializationOptions: { token } });

  test("is answered with an error or the end of the connection; the daemon lives", async () => {
    const home = await harness.home();
    const { socket, token, pid } = await harness.daemon(home);
    const closedWith = async (bytes: Buffer | string, code: number) => {
      expect(await answersTo(socket, bytes)).toEqual([
        expect.objectContaining({ error: expect.objectContaining({ code }) as object }),
      ]);
    };
    // Before the token.
    await closedWith(initialize("0".repeat(64)), ERROR.unauthorized);
    await closedWith(initialize(token.slice(1)), ERROR.unauthorized);
    await closedWith(call(1, "initialize", { initializationOptions: null }), ERROR.unauthorized);
    await closedWith(call(1, STATUS.method), ERROR.unauthorized);
    await closedWith(frame({ jsonrpc: "2.0", method: "exit" }), ERROR.unauthorized);
    await closedWith("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", ERROR.parse);
    await closedWith(Buffer.alloc(100_000, 0xff), ERROR.parse);
    await closedWith(frame("{"), ERROR.parse);
    await closedWith(frame("[]"), ERROR.invalidRequest);
    await closedWith(`Content-Length: ${MAX_MESSAGE_BYTES + 1}\r\n\r\n`, ERROR.tooLarge);
    await closedWith("Content-Length: 999999999999999999999\r\n\r\n", ERROR.parse);

    // Behind it: what can be answered is, and the connection goes on.
    const answered = await answersTo(
      socket,
      initialize(token) +
        frame("no json") +
        frame("null") +
        frame({ jsonrpc: "2.0", id: 9, method: "denoise-rotator/unheard-of" }) +
        call(2, INSPECT.method, { checkpoint: 7 }) +
        frame({ jsonrpc: "2.0", id: 3, method: INSPECT.method, params: [1, 2, 3] }) +
        frame({ jsonrpc: "2.0", method: "textDocument/didOpen", params: 5 }) +
        call(4, STATUS.method),
      4,
    );
    const byId = (id: number) => answered.find((answer) => answer.id === id);
    expect(answered).toContainEqual(
      expect.objectContaining({ error: expect.objectContaining({ code: ERROR.parse }) as object }),
    );
    expect(byId(2)).toMatchObject({ error: { code: ERROR.invalidParams } });
    expect(byId(3)).toMatchObject({ error: { code: ERROR.invalidParams } });
    expect(byId(4)).toMatchObject({ result: { pid } });
    expect(byId(9)).toMatchObject({ error: { code: -32601 } });

    // A client that leaves, in any way, leaves alone. Process 2³¹ − 1 does not exist.
    await answersTo(
      socket,
      initialize(token, 2 ** 31 - 1) +
        call(2, "shutdown") +
        frame({ jsonrpc: "2.0", method: "exit" }),
    );
    const client = await harness.client({ socket, token, pid, version: VERSION, started: false });
    expect(await client.ask(STATUS, {})).toMatchObject({ pid });
  });
});
