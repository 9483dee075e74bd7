/** Which hub, whose token, which cache: the same variables and files as the hub's own Python library reads. */
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { HUB_URL } from "@huggingface/hub";
import * as errors from "./errors.ts";
import type { DownloadProgress } from "./transferAll.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface HubOptions {
  /** Access token; else HF_TOKEN, HUGGING_FACE_HUB_TOKEN, the file HF_TOKEN_PATH, the file a login left. */
  readonly token?: string | undefined;
  /** Address of the hub; else HF_ENDPOINT, else the public one. */
  readonly endpoint?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
  /** Environment variables; the process's unless given. */
  readonly env?: Environment | undefined;
  /** Pause before a failed request is repeated the first time; doubles from there. Default 500. */
  readonly retryDelayMs?: number | undefined;
}

export interface Settings {
  /** Without a slash at the end. */
  readonly endpoint: string;
  readonly token: string | null;
  /** The environment forbids the network. */
  readonly offline: boolean;
  /** A proxy that the environment names and this Node does not use. */
  readonly ignoredProxy: string | null;
  readonly retryDelayMs: number;
}

/** @throws hub/bad-endpoint, hub/bad-token, hub/unreadable */
export async function readSettings(options: HubOptions): Promise<Settings> {
  const env = options.env ?? process.env;
  return {
    endpoint: readEndpoint(options.endpoint ?? given(env.HF_ENDPOINT) ?? HUB_URL),
    token: await findToken(options.token, env),
    offline: isOn(env.HF_HUB_OFFLINE),
    ignoredProxy: isOn(env.NODE_USE_ENV_PROXY)
      ? null
      : (PROXIES.find((name) => given(env[name]) !== undefined) ?? null),
    retryDelayMs: options.retryDelayMs ?? 500,
  };
}

/** Folder for fetched texts: `denoise-rotator` in XDG_CACHE_HOME or `~/.cache`. */
export const defaultCacheFolder = (env: Environment): string =>
  join(cacheHome(env), "denoise-rotator");

const PROXIES = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

const isOn = (value: string | undefined): boolean => /^(1|true|yes|on)$/i.test(value ?? "");

/** Empty variables count as unset, as in the XDG specification. */
const given = (value: string | undefined): string | undefined => (value === "" ? undefined : value);

const cacheHome = (env: Environment): string =>
  given(env.XDG_CACHE_HOME) ?? join(homedir(), ".cache");

function readEndpoint(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw errors.badEndpoint(text);
  }
  if (!/^https?:$/.test(url.protocol)) throw errors.badEndpoint(text);
  return (url.origin + url.pathname).replace(/\/+$/, "");
}

async function findToken(option: string | undefined, env: Environment): Promise<string | null> {
  if (option !== undefined) return checked(option, "--token");
  for (const name of ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"]) {
    const value = env[name];
    if (value?.trim()) return checked(value, name);
  }
  const home = given(env.HF_HOME) ?? join(cacheHome(env), "huggingface");
  const file = given(env.HF_TOKEN_PATH) ?? join(home, "token");
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    if (isAbsent(cause)) return null;
    throw errors.unreadable(file, cause);
  }
  return text.trim() === "" ? null : checked(text, file);
}

/** A token goes into a header: what cannot stand there is refused here, where it does not get into a message. */
function checked(text: string, origin: string): string {
  const token = text.trim();
  if (!/^[\x21-\x7e]+$/.test(token)) throw errors.badToken(origin);
  return token;
}

const isAbsent = (cause: unknown): boolean =>
  cause instanceof Error &&
  "code" in cause &&
  (cause.code === "ENOENT" || cause.code === "ENOTDIR");
