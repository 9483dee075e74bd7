/** The daemon itself: opening a connection, its state, giving way to a newer version, what can compute. */
import type { DeviceReport } from "../backend/index.ts";
import { requestType } from "./message.ts";

/** `initializationOptions` of LSP's `initialize`, always the first message. */
export interface InitializationOptions {
  /** From `daemon.json`; read it anew for every connection. */
  readonly token: string;
}

/**
 * `settings` of LSP's `workspace/didChangeConfiguration`, for what is started from then on. They are of the machine and
 * its user: of several clients the one that spoke last counts.
 */
export interface DaemonSettings {
  /** As `DENOISE_ROTATOR_CUDA`: folder that is searched first for CUDA, or `off`; empty: what that variable says. */
  readonly cuda?: string;
}

export interface DaemonStatus {
  readonly version: string;
  readonly pid: number;
  /** Version of Node that runs it. */
  readonly node: string;
  readonly uptimeSeconds: number;
  /** Open connections, this one included. */
  readonly clients: number;
  /** Jobs queued or running. While there are any, the daemon neither exits nor gives way. */
  readonly activeJobs: number;
  /** State folder: jobs, log, socket. */
  readonly folder: string;
  readonly log: string;
}
export const STATUS = requestType<Record<string, never>, DaemonStatus>("status");

export interface RetireParams {
  /** How the newer one is started: its script and a Node.js, absolute paths. */
  readonly successor?: { readonly entry: string; readonly node: string };
}

/**
 * Asks the daemon to make room for a newer one. Idle, it answers `retired: true`, closes all connections and exits;
 * with jobs queued or running it answers false and stays. Where its own files are deleted meanwhile, it ends behind the
 * running job, starts the successor, and that one goes on with the queue.
 */
export const RETIRE = requestType<RetireParams, { readonly retired: boolean }>("retire");

export interface DevicesParams {
  /** Look again instead of answering from the last look. */
  readonly refresh?: boolean;
}
/** In the order in which `auto` prefers them. The first look takes seconds: drivers are started. */
export const DEVICES = requestType<DevicesParams, { readonly devices: readonly DeviceReport[] }>(
  "devices",
);
