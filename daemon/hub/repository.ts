/** What a repository holds at one commit. Answers of the hub are validated here, once. */
import { datasetInfo, listFiles, modelInfo, pathsInfo } from "@huggingface/hub";
import { z } from "zod";
import { DenoiseError } from "../errors.ts";
import type { Checksum } from "./checksum.ts";
import { REPETITIONS, isAborted, isBroken } from "./connection.ts";
import type { Connection } from "./connection.ts";
import * as errors from "./errors.ts";

export interface HubFile {
  /** Path in the repository. */
  readonly path: string;
  readonly size: number;
  readonly checksum: Checksum;
}

export interface RepositoryName {
  readonly name: string;
  readonly revision: string;
}

const NAME = /^\w[\w.-]*(\/\w[\w.-]*)?$/;
/** Git's own rules, a little stricter: what is left cannot leave its place in an address. */
const REVISION = /^\w[\w.+/-]*$/;

/** `organisation/name@revision`; the revision is `main` unless given. @throws hub/bad-repository */
export function parseRepository(text: string): RepositoryName {
  const at = text.indexOf("@");
  const name = at < 0 ? text : text.slice(0, at);
  const revision = at < 0 ? "main" : text.slice(at + 1);
  if (!NAME.test(name) || !REVISION.test(revision) || text.includes("..")) {
    throw errors.badRepository(text);
  }
  return { name, revision };
}

/**
 * The commit that the subject's branch, tag or commit means now.
 * @throws hub/unexpected-answer, and what {@link Connection.fetch} throws
 */
export async function resolveCommit(connection: Connection): Promise<string> {
  const { subject, endpoint, fetch } = connection;
  const params = { name: subject.name, revision: subject.revision, hubUrl: endpoint, fetch };
  const info = await understood(connection, () =>
    subject.type === "model"
      ? modelInfo({ ...params, additionalFields: ["sha"] })
      : datasetInfo({ ...params, additionalFields: ["sha"] }),
  );
  return checkedAnswer(connection, commitSchema, info).sha;
}

/**
 * Files of the top folder, where a checkpoint is, or of all folders.
 * @throws as {@link resolveCommit}
 */
export async function listRepository(
  connection: Connection,
  commit: string,
  { recursive = false } = {},
): Promise<HubFile[]> {
  const { subject, endpoint, fetch } = connection;
  const repo = { type: subject.type, name: subject.name };
  const entries = await understood(connection, async () => {
    const found: unknown[] = [];
    const asked = { repo, revision: commit, hubUrl: endpoint, fetch, recursive };
    for await (const entry of listFiles(asked)) found.push(entry);
    return found;
  });
  return filesOf(connection, entries);
}

/** One file, wherever it is. @throws hub/file-missing, and as {@link resolveCommit} */
export async function findFile(
  connection: Connection,
  commit: string,
  path: string,
): Promise<HubFile> {
  const { subject, endpoint, fetch } = connection;
  const repo = { type: subject.type, name: subject.name };
  const entries = await understood(connection, () =>
    pathsInfo({ repo, paths: [path], revision: commit, hubUrl: endpoint, fetch }),
  );
  const file = filesOf(connection, entries).find((candidate) => candidate.path === path);
  if (file === undefined) throw errors.fileMissing(subject, path);
  return file;
}

const commitSchema = z.object({ sha: z.string().regex(/^[0-9a-f]{40}$/) });
const size = z.int().nonnegative();
const entrySchema = z.object({
  type: z.string(),
  path: z.string().min(1),
  size,
  /** Of the git object: for a large file, of the pointer that stands for it. */
  oid: z.string().regex(/^[0-9a-f]{40}$/),
  lfs: z.object({ oid: z.string().regex(/^[0-9a-f]{64}$/), size }).nullish(),
});

function filesOf(connection: Connection, entries: unknown): HubFile[] {
  return checkedAnswer(connection, z.array(entrySchema), entries)
    .filter((entry) => entry.type === "file")
    .map(({ path, size, oid, lfs }) =>
      lfs
        ? { path, size: lfs.size, checksum: { algorithm: "sha256", hex: lfs.oid } }
        : { path, size, checksum: { algorithm: "git-sha1", hex: oid } },
    );
}

function checkedAnswer<T>({ subject }: Connection, schema: z.ZodType<T>, answer: unknown): T {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw errors.unexpected(subject, z.prettifyError(parsed.error).replaceAll("\n", " "));
}

/**
 * Asks again where an answer broke off, and takes for not understood what the library trips over: it parses answers
 * without looking at them.
 */
async function understood<T>(
  { subject, signal, pause }: Connection,
  ask: () => Promise<T>,
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await ask();
    } catch (cause) {
      if (isAborted(signal)) throw errors.cancelled();
      if (cause instanceof DenoiseError) throw cause;
      if (!isBroken(cause) || attempt >= REPETITIONS) {
        throw errors.unexpected(subject, String(cause), cause);
      }
    }
    await pause(attempt);
  }
}
