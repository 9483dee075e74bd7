/**
 * A job on disk, `jobs/<id>/`:
 *
 *     job.json               what it is and how it stands ({@link JobInfo}), with the worker's pid while it runs, or
 *                            that it was handed over to the next daemon
 *     detail.json            what it told, without pictures
 *     layer-00003.json       the full report of a finished layer
 *     log.txt                what its worker printed
 *
 * Every file is replaced in one rename. The folder is private to the user and written by this program only, so what
 * is read back is checked for its format and trusted from there.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { JobDetail, JobInfo } from "../protocol/jobs.ts";
import type { LayerReport } from "../report.ts";

const FORMAT = 1;

/** What is kept of {@link JobDetail} beside the job itself. */
export type JobStory = Omit<JobDetail, "job" | "steps">;

export const emptyStory: JobStory = {
  plan: null,
  layers: [],
  perplexity: [],
  fallbacks: [],
  notes: [],
};

export interface StoredJob {
  readonly info: JobInfo;
  readonly story: JobStory;
  /** Process at work when it was written. */
  readonly workerPid: number | null;
  /** A daemon that had to go left it queued for the next one. */
  readonly handedOver: HandedOver | null;
}

export interface HandedOver {
  /** The first attempt may go on with an unfinished run that it did not begin. */
  readonly mayResume: boolean;
}

const envelope = z.object({
  format: z.literal(FORMAT),
  info: z.looseObject({ id: z.string(), revision: z.number(), state: z.string() }),
  workerPid: z.number().int().positive().nullable(),
  handedOver: z.object({ mayResume: z.boolean() }).nullable().default(null),
});

export class JobRecord {
  readonly log: string;
  /** Writes of a file one after the other, and only the newest of those that wait. */
  readonly #waiting = new Map<string, unknown>();
  #writing: Promise<void> | null = null;

  private constructor(private readonly folder: string) {
    this.log = join(folder, "log.txt");
  }

  static async create(jobs: string, id: string): Promise<JobRecord> {
    const folder = join(jobs, id);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return new JobRecord(folder);
  }

  /** Null where the folder holds no job of this format. */
  static async open(
    jobs: string,
    id: string,
  ): Promise<{ record: JobRecord; stored: StoredJob } | null> {
    const record = new JobRecord(join(jobs, id));
    const parsed = envelope.safeParse(await record.#read("job.json"));
    if (!parsed.success || parsed.data.info.id !== id) return null;
    const info = parsed.data.info as unknown as JobInfo;
    const story = ((await record.#read("detail.json")) ?? emptyStory) as JobStory;
    const { workerPid, handedOver } = parsed.data;
    return { record, stored: { info, story, workerPid, handedOver } };
  }

  writeInfo(info: JobInfo, workerPid: number | null, handedOver: HandedOver | null = null): void {
    this.#write("job.json", { format: FORMAT, info, workerPid, handedOver });
  }

  writeStory(story: JobStory): void {
    this.#write("detail.json", story);
  }

  writeLayer(report: LayerReport): void {
    this.#write(layerFile(report.index), report);
  }

  async readLayer(index: number): Promise<LayerReport | null> {
    await this.settled();
    return (await this.#read(layerFile(index))) as LayerReport | null;
  }

  /** Everything written so far is on disk. */
  async settled(): Promise<void> {
    while (this.#writing) await this.#writing;
  }

  async remove(): Promise<void> {
    await this.settled();
    await rm(this.folder, { recursive: true, force: true });
  }

  #write(name: string, value: unknown): void {
    this.#waiting.set(name, value);
    this.#writing ??= this.#drain().finally(() => {
      this.#writing = null;
    });
  }

  async #drain(): Promise<void> {
    for (;;) {
      const next = this.#waiting.entries().next();
      if (next.done) return;
      const [name, value] = next.value;
      this.#waiting.delete(name);
      const path = join(this.folder, name);
      try {
        await writeFile(`${path}.partial`, JSON.stringify(value), { mode: 0o600 });
        await rename(`${path}.partial`, path);
      } catch (error) {
        // History is worth less than the run that goes on: a full disk must not end it here.
        console.error(`${path}: ${String(error)}`);
      }
    }
  }

  async #read(name: string): Promise<unknown> {
    try {
      return JSON.parse(await readFile(join(this.folder, name), "utf8")) as unknown;
    } catch {
      return null;
    }
  }
}

const layerFile = (index: number): string => `layer-${String(index).padStart(5, "0")}.json`;

/** Ids of the jobs in a folder. */
export const jobIds = (jobs: string): Promise<string[]> => readdir(jobs);
