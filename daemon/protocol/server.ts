/** The daemon itself: opening a connection, its state, giving way to a newer version, what can compute. */
import type { DeviceReport } from "../backend/index.ts";
import { requestType } from "./message.ts";

/** `initializationOptions` of LSP's `initialize`, always the first message. */
export interface InitializationOptions {
  /** From `daemon.json`; read it anew for every connection. */
  readonly token: string;
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

/**
 * Asks the daemon to make room for a newer one. Idle, it answers `retired: true`, closes all connections and exits;
 * with jobs queued or running it answers false and stays.
 */
export const RETIRE = requestType<Record<string, never>, { readonly retired: boolean }>("retire");

export interface DevicesParams {
  /** Look again instead of answering from the last look. */
  readonly refresh?: boolean;
}
/** In the order in which `auto` prefers them. The first look takes seconds: drivers are started. */
export const DEVICES = requestType<DevicesParams, { readonly devices: readonly DeviceReport[] }>(
  "devices",
);
