/**
 * DOORWAY of the daemon for clients: every request, notification, progress value and error code, as named constants
 * beside their types. An editor needs nothing else to drive the daemon; the transport is in this comment.
 *
 * **Finding the daemon.** `daemon/connect.ts` does it for Node clients. By hand: in the state folder
 * (`$DENOISE_ROTATOR_HOME`, else `~/.denoise-rotator/<machine>`) the folder `seat-<n>` with the highest n belongs to
 * the daemon; its `daemon.json` holds `pid`, `version`, `socket` and `token`. Nothing there, or nothing listening:
 * start `node dist/daemon.js` and look again.
 *
 * **Speaking.** JSON-RPC 2.0 with LSP framing (`Content-Length: n\r\n\r\n` + UTF-8 JSON) over that Unix socket or
 * named pipe; the daemon is also a language server on the same connection. The first message must be LSP's
 * `initialize` with {@link InitializationOptions}; anything else, or a wrong token, is answered with
 * {@link ERROR.unauthorized} and the connection is closed. Messages above {@link MAX_MESSAGE_BYTES} are refused the
 * same way. `exit` and a closed socket end the connection, never the daemon.
 *
 * **Rules for all requests.** Every failure is a JSON-RPC error with a code of {@link ERROR} and {@link ErrorData}.
 * `$/cancelRequest` is honoured everywhere and answered within 2 s. Requests whose parameters extend
 * {@link WorkDone} report LSP work-done progress to the given token. Paths are absolute, on the daemon's machine.
 * Fields may be added in later versions: ignore what you do not know.
 *
 * **Following runs.** Send {@link ATTACH} once per connection: the answer is the state of all jobs, and from then on
 * {@link JOB_CHANGED}, {@link JOB_REMOVED}, {@link JOB_PROGRESS} and {@link JOB_UPDATES} come. After a lost connection
 * do the same again. {@link JobInfo.revision} grows with every change of a job: drop what is older than what you have.
 */
export * from "./protocol/checkpoints.ts";
export * from "./protocol/editor.ts";
export * from "./protocol/errors.ts";
export * from "./protocol/jobs.ts";
export * from "./protocol/message.ts";
export * from "./protocol/recipes.ts";
export * from "./protocol/server.ts";
export type { DeviceName, DeviceReport, DeviceRequest } from "./backend/index.ts";
export type { Plan, PlannedTensor, Shortage, TensorFate } from "./pipeline/index.ts";
export type { Stage } from "./pipeline/index.ts";
export type {
  BeforeAfter,
  CurvePoint,
  Fallback,
  Histogram,
  LayerReport,
  MatrixReport,
  Overview,
  PerplexityRow,
  Recipe,
  RunReport,
} from "./report.ts";
export { patternName, type Objective, type PruneMethod, type Role } from "./vocabulary.ts";
