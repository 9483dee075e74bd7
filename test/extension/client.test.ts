/** When the extension connects, when it connects again, and what it knows of the runs then. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  JOB_CHANGED,
  JOB_PROGRESS,
  JOB_REMOVED,
  STATUS,
  type JobProgress,
} from "../../daemon/protocol.ts";
import type { Connected } from "../../extension/connection.ts";
import { ReconnectingClient, type Connect } from "../../extension/daemonClient.ts";
import { JOB_NOTIFICATIONS, JobStore } from "../../extension/runs/store.ts";
import { jobInfo } from "../support/jobInfo.ts";

vi.mock("vscode", () => import("./vscode.ts"));
beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Daemons that are there or not, and connections that break. */
class Daemons {
  running = false;
  startable = true;
  /** What the first request on a new connection fails with. */
  refusal: Error | null = null;
  disposed = 0;
  readonly made: Parameters<Connect>[0][] = [];
  readonly client = new ReconnectingClient(
    (options) => {
      if (!this.running && options.mayStart) this.running = this.startable;
      if (!this.running && options.mayStart) return Promise.reject(new Error("no Node.js"));
      if (!this.running) return Promise.resolve(null);
      this.made.push(options);
      return Promise.resolve(this.#connection());
    },
    JOB_NOTIFICATIONS,
    () => (this.refusal ? Promise.reject(this.refusal) : Promise.resolve()),
  );

  #connection(): Connected {
    return {
      sendRequest: <R>(method: string) => Promise.resolve(method as R),
      dispose: () => {
        this.disposed++;
        return Promise.resolve();
      },
    };
  }

  notify(method: string, params: unknown): void {
    this.made.at(-1)?.onNotification(method, params);
  }

  crash(): void {
    if (!this.running) return;
    this.running = false;
    this.made.at(-1)?.onClose();
  }
}

describe("the client", () => {
  test("attaching starts no daemon, a request does", async () => {
    const daemons = new Daemons();
    await daemons.client.attach();
    expect([daemons.client.state, daemons.running]).toEqual(["off", false]);
    await daemons.client.request(STATUS, {});
    expect([daemons.client.state, daemons.running]).toEqual(["ready", true]);
  });

  test("requests at the same time share one connection", async () => {
    const daemons = new Daemons();
    await Promise.all([1, 2, 3].map(() => daemons.client.request(STATUS, {})));
    expect(daemons.made).toHaveLength(1);
  });

  test("a lost connection is made again by itself, and handlers stay", async () => {
    const daemons = new Daemons();
    const heard: unknown[] = [];
    daemons.client.onNotification(JOB_REMOVED, ({ id }) => heard.push(id));
    await daemons.client.start();
    daemons.crash();
    expect(daemons.client.state).toBe("lost");
    await vi.advanceTimersByTimeAsync(10);
    expect(daemons.client.state).toBe("ready");
    daemons.notify(JOB_REMOVED.method, { id: "a" });
    expect(heard).toEqual(["a"]);
  });

  test("a daemon that cannot be started is given up, told once, and tried at the next request", async () => {
    const daemons = new Daemons();
    const told: string[] = [];
    daemons.client.onLost(({ message }) => told.push(message));
    await daemons.client.start();
    daemons.startable = false;
    daemons.crash();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(told).toEqual(["no Node.js"]);
    await expect(daemons.client.request(STATUS, {})).rejects.toMatchObject({ kind: "connection" });
    daemons.startable = true;
    await daemons.client.request(STATUS, {});
    expect(daemons.client.state).toBe("ready");
  });

  test("a daemon that falls over again and again is not started for ever", async () => {
    const daemons = new Daemons();
    const told: string[] = [];
    daemons.client.onLost(({ code }) => told.push(code));
    await daemons.client.start();
    for (let n = 0; n < 20; n++) {
      daemons.crash();
      await vi.advanceTimersByTimeAsync(10_000);
    }
    expect(daemons.made.length).toBeLessThan(10);
    expect([told, daemons.client.state]).toEqual([["daemon/keeps-ending"], "lost"]);
  });

  test("a connection that cannot be used is closed", async () => {
    const daemons = new Daemons();
    daemons.refusal = new Error("no such method");
    await expect(daemons.client.start()).rejects.toMatchObject({ message: "no such method" });
    expect([daemons.disposed, daemons.client.state]).toEqual([1, "lost"]);
  });

  test("an older connection that closes late does not take the newer one with it", async () => {
    const daemons = new Daemons();
    daemons.refusal = new Error("no such method");
    await expect(daemons.client.start()).rejects.toThrow();
    daemons.refusal = null;
    await daemons.client.start();
    daemons.made[0]?.onClose();
    await vi.advanceTimersByTimeAsync(60_000);
    expect([daemons.client.state, daemons.made.length]).toEqual(["ready", 2]);
  });
});

const progress: JobProgress = {
  stage: "rotate",
  layer: 1,
  layers: 8,
  fraction: 0.25,
  elapsedSeconds: 3,
  etaSeconds: 9,
  sparsity: null,
  hostBytes: null,
  deviceBytes: null,
};

describe("the store of runs", () => {
  const filled = async () => {
    const daemons = new Daemons();
    const store = new JobStore();
    store.listen(daemons.client);
    await daemons.client.start();
    store.attached([jobInfo("1", 5), jobInfo("2", 5)]);
    return { daemons, store };
  };

  test("lists the newest first", async () => {
    const { store } = await filled();
    expect(store.all().map(({ id }) => id)).toEqual(["2", "1"]);
  });

  test("drops what is older than what it has", async () => {
    const { daemons, store } = await filled();
    daemons.notify(JOB_CHANGED.method, { job: jobInfo("1", 7, { state: "done" }) });
    daemons.notify(JOB_CHANGED.method, { job: jobInfo("1", 6) });
    daemons.notify(JOB_PROGRESS.method, { id: "1", revision: 6, progress });
    expect(store.get("1")).toMatchObject({ state: "done", progress: null });
  });

  test("progress changes nothing else, and progress of a run it does not know is dropped", async () => {
    const { daemons, store } = await filled();
    daemons.notify(JOB_PROGRESS.method, { id: "2", revision: 6, progress });
    daemons.notify(JOB_PROGRESS.method, { id: "3", revision: 6, progress });
    expect(store.get("2")).toEqual(jobInfo("2", 6, { progress }));
    expect(store.all()).toHaveLength(2);
  });

  test("what a new connection does not name is gone, also where its revision is lower", async () => {
    const { store } = await filled();
    store.attached([jobInfo("2", 1, { state: "interrupted" })]);
    expect(store.all()).toEqual([jobInfo("2", 1, { state: "interrupted" })]);
  });
});
