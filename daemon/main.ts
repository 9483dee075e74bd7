/**
 * The daemon's entry: `node dist/daemon.js [--home <folder>] [--idle-seconds <n>]`. Listens, takes the seat, serves;
 * where another daemon sits there already, it ends at once. It goes by itself after a while without clients and jobs.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { DeviceReport } from "./backend/index.ts";
import {
  connectTo,
  highestSeat,
  launchDaemon,
  listen,
  openHome,
  removeLowerSeats,
  removeSocket,
  stateFolder,
  takeSeat,
  type Home,
  type Listening,
} from "./instance/index.ts";
import { Helper, Jobs } from "./jobs/index.ts";
import type { RetireParams } from "./protocol/server.ts";
import { serve, type Context } from "./session.ts";
import { OpenCheckpoints } from "./tiles/index.ts";
import { VERSION } from "./version.ts";

const IDLE_SECONDS = 600;
const LOOK_AT_SEAT_MS = 5000;
/** The answer to the client that asked the daemon to go is out by then. */
const ANSWER_FIRST_MS = 50;
const workerEntry = fileURLToPath(new URL("./worker.js", import.meta.url));

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { home: { type: "string" }, "idle-seconds": { type: "string" } },
  });
  const home = await openHome(values.home ?? stateFolder());
  const before = await highestSeat(home.folder);
  if (before?.record) {
    const other = await connectTo(before.record.socket);
    other?.destroy();
    if (other) return;
  }
  // Listening before the seat is taken: who finds the seat can connect, and who cannot connect knows that it is deserted.
  const listening = await listen(home.folder);
  const token = randomBytes(32).toString("hex");
  const number = (before?.number ?? 0) + 1;
  const record = { pid: process.pid, version: VERSION, socket: listening.address, token };
  const taken = await takeSeat(home.folder, number, record);
  if (taken === null || (await highestSeat(home.folder))?.number !== number) {
    await removeSocket(listening.address);
    process.exit(0);
  }
  await removeLowerSeats(home.folder, number);
  // Sockets of daemons that were killed.
  if (before?.record) await removeSocket(before.record.socket);
  const idleSeconds = Number(values["idle-seconds"] ?? IDLE_SECONDS);
  await new Daemon(home, number, token, listening, idleSeconds).run();
}

class Daemon {
  readonly #sockets = new Set<Socket>();
  readonly #checkpoints = new OpenCheckpoints();
  readonly #helper: Helper;
  readonly #started = performance.now();
  #jobs: Jobs | null = null;
  #devices: Promise<readonly DeviceReport[]> | null = null;
  /** Told by a client of a newer version. */
  #successor: RetireParams["successor"] | null = null;
  /** What it was started with. */
  readonly #cuda = process.env.DENOISE_ROTATOR_CUDA ?? "";
  #lastBusy = performance.now();
  #ending = false;

  constructor(
    private readonly home: Home,
    private readonly seat: number,
    private readonly token: string,
    private readonly listening: Listening,
    private readonly idleSeconds: number,
  ) {
    this.#helper = new Helper(workerEntry, home.log);
  }

  async run(): Promise<void> {
    const opening = Jobs.open(this.home.jobs, workerEntry, this.#helper);
    // The history may still be read: a connection waits for it.
    this.listening.onConnection((socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        this.#sockets.delete(socket);
        this.#lastBusy = performance.now();
      });
      void opening.then((jobs) => {
        serve(socket, this.#context(jobs));
      });
    });
    this.#jobs = await opening;
    this.#watchLifetime();
    console.log(`${new Date().toISOString()} daemon ${VERSION}, process ${process.pid}, serves`);
  }

  #context(jobs: Jobs): Context {
    return {
      token: this.token,
      jobs,
      helper: this.#helper,
      checkpoints: this.#checkpoints,
      status: () => ({
        version: VERSION,
        pid: process.pid,
        node: process.versions.node,
        uptimeSeconds: (performance.now() - this.#started) / 1000,
        clients: this.#sockets.size,
        activeJobs: jobs.activeCount,
        folder: this.home.folder,
        log: this.home.log,
      }),
      devices: (refresh, signal) => this.#lookForDevices(refresh, signal),
      configure: ({ cuda }) => {
        if (cuda !== undefined) this.#useCuda(cuda === "" ? this.#cuda : cuda, jobs);
      },
      retire: (successor) => {
        this.#successor = successor ?? this.#successor;
        if (jobs.activeCount > 0) return false;
        setTimeout(() => void this.#end("made room for a newer version"), ANSWER_FIRST_MS);
        return true;
      },
    };
  }

  /** Workers inherit it; this process itself computes nothing. */
  #useCuda(value: string, jobs: Jobs): void {
    if (value === (process.env.DENOISE_ROTATOR_CUDA ?? "")) return;
    if (value === "") delete process.env.DENOISE_ROTATOR_CUDA;
    else process.env.DENOISE_ROTATOR_CUDA = value;
    // What has looked for devices already found them the other way; questions that are open are asked again.
    this.#devices = null;
    jobs.forgetDevices();
    void this.#helper.close();
  }

  async #lookForDevices(refresh: boolean, signal: AbortSignal): Promise<readonly DeviceReport[]> {
    const known = refresh ? null : this.#devices;
    if (known) return known;
    const devices = await this.#helper.ask("devices", null, signal);
    this.#devices = Promise.resolve(devices);
    return devices;
  }

  #watchLifetime(): void {
    const every = Math.min(LOOK_AT_SEAT_MS, (this.idleSeconds * 1000) / 2);
    setInterval(() => void this.#look(), Math.max(50, every));
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.on(signal, () => void this.#end(`got ${signal}`));
    }
    // The terminal or SSH session that started it goes; it stays.
    process.on("SIGHUP", () => undefined);
    // A defect in one connection must not take the runs of all others with it.
    process.on("uncaughtException", (error) => {
      console.error(error);
    });
    process.on("unhandledRejection", (error) => {
      console.error(error);
    });
  }

  async #look(): Promise<void> {
    const active = this.#jobs?.activeCount ?? 0;
    const busy = active > 0 || this.#sockets.size > 0;
    if (busy) this.#lastBusy = performance.now();
    const idleMs = performance.now() - this.#lastBusy;
    if (idleMs > this.idleSeconds * 1000) return this.#end("was idle");
    // Its folder was removed or another sits there: nobody will find this one again.
    const lost = (await highestSeat(this.home.folder))?.number !== this.seat;
    if (lost && active === 0) await this.#end("lost its seat");
    // An update of the extension deletes the old one's files: no worker can be started any more.
    if (!existsSync(workerEntry) && this.#jobs?.runningCount === 0) await this.#handOver(active);
  }

  /** @param queued jobs that the next daemon goes on with */
  async #handOver(queued: number): Promise<void> {
    const successor = queued > 0 ? this.#successor : null;
    await this.#end("its files are gone", () => {
      // Where no newer client has come yet, one that comes or reconnects starts it.
      if (successor) launchDaemon(this.home, { ...successor, idleSeconds: this.idleSeconds });
    });
  }

  async #end(why: string, handOver: (() => void) | null = null): Promise<void> {
    if (this.#ending) return;
    this.#ending = true;
    console.log(`${new Date().toISOString()} daemon ends: ${why}`);
    this.listening.server.close();
    for (const socket of this.#sockets) socket.end();
    await this.#jobs?.close(handOver !== null);
    await this.#helper.close();
    await removeSocket(this.listening.address);
    try {
      handOver?.();
    } catch (error) {
      // Whoever connects next starts one.
      console.error(error);
    }
    process.exit(0);
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  // It may be listening already, which would keep it.
  process.exit(1);
});
