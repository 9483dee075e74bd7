import { coded, type DenoiseError } from "../errors.ts";

const failed = coded("daemon", "failed");
const input = coded("daemon", "input");

export const notPrivate = (folder: string, what: string): DenoiseError =>
  input(
    "folder-not-private",
    `${folder} ${what}. It holds the daemon's access token: make it yours alone (chmod 700), or set ` +
      `DENOISE_ROTATOR_HOME to another folder.`,
  );

export const folderFailed = (folder: string, cause: unknown): DenoiseError =>
  failed(
    "folder-failed",
    `The state folder ${folder} cannot be used: ${cause instanceof Error ? cause.message : String(cause)}. ` +
      `Set DENOISE_ROTATOR_HOME to a folder on a local disk.`,
    cause,
  );

export const noNode = (tried: readonly string[], least: string): DenoiseError =>
  failed(
    "no-node",
    `DenoiseRotator needs Node.js ${least} or newer to compute, and found none ` +
      `(tried ${tried.length === 0 ? "nothing" : tried.join("; ")}). Install it from your package manager or from the ` +
      `Node.js web site, or set "denoise-rotator.nodePath" to one.`,
  );

export const didNotStart = (why: string, log: string): DenoiseError =>
  failed("did-not-start", `The daemon did not start: ${why}. Its log is ${log}.`);

export const notAnswering = (pid: number, log: string): DenoiseError =>
  failed(
    "not-answering",
    `The daemon (process ${pid}) does not answer. Its log is ${log}. If it hangs, end that process and try again; ` +
      `runs can be resumed.`,
  );
