/** What all connections share. */
import type { DeviceReport } from "../backend/index.ts";
import type { Helper, Jobs } from "../jobs/index.ts";
import type { DaemonSettings, DaemonStatus, RetireParams } from "../protocol/server.ts";
import type { OpenCheckpoints } from "../tiles/index.ts";

export interface Context {
  readonly token: string;
  readonly jobs: Jobs;
  readonly helper: Helper;
  readonly checkpoints: OpenCheckpoints;
  status(): DaemonStatus;
  /** Kept from the last look unless `refresh`: drivers are started to find out. */
  devices(refresh: boolean, signal: AbortSignal): Promise<readonly DeviceReport[]>;
  /** For workers that are started from now on. */
  configure(settings: DaemonSettings): void;
  /** Ends the daemon after the answer is out, unless jobs are active. @returns whether it will end */
  retire(successor: RetireParams["successor"] | null): boolean;
}
