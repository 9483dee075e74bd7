/**
 * Requests to one repository of a hub. `@huggingface/hub` knows the routes and is handed {@link Connection.fetch};
 * who is told the token, what is worth another try and what an answer means is decided here, once.
 *
 * The library is given no token of its own: it would send it wherever a redirect or a link leads, and it refuses the
 * tokens of other hubs.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { DenoiseError } from "../errors.ts";
import { VERSION } from "../version.ts";
import * as errors from "./errors.ts";
import type { Subject } from "./errors.ts";
import type { Settings } from "./settings.ts";

export interface Connection {
  readonly endpoint: string;
  readonly subject: Subject;
  readonly signal: AbortSignal | undefined;
  /**
   * As the global one, but for: answers are good, 416, or 404 for a single file; everything else is thrown coded.
   * @throws hub/offline, hub/gated, hub/repository-missing, hub/revision-missing, hub/token-refused, hub/unavailable,
   *   hub/unexpected-answer, hub/cancelled
   */
  readonly fetch: typeof fetch;
  /** Waits before repetition number `attempt` (from 0). @throws hub/cancelled */
  readonly pause: (attempt: number, seconds?: number) => Promise<void>;
}

/** Repetitions of one request, and of one file without a new byte in between. */
export const REPETITIONS = 4;
/** Longer than this is not waited, whatever the hub asks for. */
const MAX_PAUSE_MS = 60_000;

export function connect(
  settings: Settings,
  subject: Subject,
  signal: AbortSignal | undefined,
): Connection {
  const pause: Connection["pause"] = async (attempt, seconds) => {
    const milliseconds =
      seconds === undefined ? settings.retryDelayMs * 2 ** attempt : seconds * 1000;
    await sleep(Math.min(milliseconds, MAX_PAUSE_MS), undefined, signal && { signal }).catch(
      (cause: unknown) => {
        throw isAborted(signal) ? errors.cancelled() : cause;
      },
    );
  };
  return {
    endpoint: settings.endpoint,
    subject,
    signal,
    pause,
    fetch: async (target, init) => {
      for (let attempt = 0; ; attempt++) {
        const response = await send(settings, subject, signal, target, init).catch(
          (cause: unknown) => {
            if (cause instanceof DenoiseError || attempt >= REPETITIONS || !isBroken(cause)) {
              throw cause instanceof DenoiseError ? cause : unreachable(settings, subject, cause);
            }
            return null;
          },
        );
        if (response === null) {
          await pause(attempt);
          continue;
        }
        if (!isTemporary(response.status)) return understood(subject, response);
        await response.body?.cancel();
        if (attempt >= REPETITIONS) throw errors.unavailable(subject, response.status);
        await pause(attempt, retryAfter(response));
      }
    },
  };
}

async function send(
  settings: Settings,
  subject: Subject,
  signal: AbortSignal | undefined,
  target: Parameters<typeof fetch>[0],
  init: RequestInit | undefined,
): Promise<Response> {
  if (isAborted(signal)) throw errors.cancelled();
  if (settings.offline) throw errors.offline(subject, "HF_HUB_OFFLINE is set");
  const url = new URL(target instanceof Request ? target.url : target);
  const headers = new Headers(init?.headers);
  headers.set("User-Agent", `denoise-rotator/${VERSION}`);
  // Redirects to another host lose this header by the fetch standard; links to one never get it.
  if (settings.token !== null && url.origin === new URL(settings.endpoint).origin) {
    headers.set("Authorization", `Bearer ${settings.token}`);
  }
  try {
    return await fetch(url, { ...init, headers, ...(signal && { signal }) });
  } catch (cause) {
    throw isAborted(signal) ? errors.cancelled() : cause;
  }
}

/** Asked anew each time: the compiler would take an earlier answer for this one. */
export const isAborted = (signal: AbortSignal | undefined): boolean => signal?.aborted === true;

const isTemporary = (status: number): boolean => status === 429 || status >= 500;

/** A connection that was there and broke; one that was never there is not tried again, so that being offline shows. */
export const isBroken = (cause: unknown): boolean =>
  /^(ECONNRESET|EPIPE|UND_ERR_SOCKET)$/.test(codeOf(cause) ?? "");

function codeOf(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ("code" in at && typeof at.code === "string") return at.code;
  }
  return undefined;
}

/** `fetch failed` is all that the outer error says. */
const innermost = (error: unknown): string =>
  error instanceof Error
    ? error.cause === undefined
      ? error.message
      : innermost(error.cause)
    : String(error);

function unreachable(settings: Settings, subject: Subject, cause: unknown): DenoiseError {
  const proxy =
    settings.ignoredProxy === null
      ? ""
      : `; the proxy in ${settings.ignoredProxy} is used only with NODE_USE_ENV_PROXY=1 and Node 24 or later`;
  const reason = codeOf(cause) ?? innermost(cause);
  return errors.offline(subject, `${new URL(settings.endpoint).host}: ${reason}${proxy}`, cause);
}

/** Seconds; a date instead of them is rare and left to our own pauses. */
function retryAfter(response: Response): number | undefined {
  const text = response.headers.get("Retry-After") ?? "";
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

/**
 * The hub says in X-Error-Code what it means. A repository that does not exist and one the caller must not know of
 * look alike: 401 without a token, 404 with one.
 */
async function understood(subject: Subject, response: Response): Promise<Response> {
  const { status } = response;
  const code = response.headers.get("X-Error-Code");
  if (response.ok || status === 416 || code === "EntryNotFound") return response;
  const message = response.headers.get("X-Error-Message") ?? "";
  await response.body?.cancel();
  if (code === "GatedRepo") throw errors.gated(subject);
  if (code === "RevisionNotFound") throw errors.revisionMissing(subject);
  if (code === "RepoNotFound" || status === 404) throw errors.repositoryMissing(subject);
  if (status === 401) {
    throw subject.hasToken || /invalid/i.test(message)
      ? errors.tokenRefused(subject)
      : errors.repositoryMissing(subject);
  }
  if (status === 403) throw errors.tokenRefused(subject);
  throw errors.unexpected(subject, `status ${status}${message === "" ? "" : ` (${message})`}`);
}
