/** What pages are told about a run or a checkpoint, from the daemon or from the report in an output folder. */
import {
  DETAIL,
  INSPECT,
  MATRIX,
  MATRIX_TILE,
  STATISTICS,
  TILE,
  type RequestType,
} from "../../daemon/protocol.ts";
import type { MethodName, Params, Result, RunSource } from "../../webview/messages.ts";
import { runOfJob, runOfReport } from "./convert.ts";
import { noLayer, notAsked } from "./errors.ts";
import { readReport } from "./reportFile.ts";
import type { Answers } from "./session.ts";

/** The part of the daemon's client that answers need. */
export interface Requests<Token> {
  request<P, R>(type: RequestType<P, R>, params: P, token?: Token): Promise<R>;
}

/** The answers by method; a page that asks for another is of another kind of panel. */
type Table<Token> = {
  [M in MethodName]?: (params: Params<M>, token: Token) => Promise<Result<M>>;
};

function answersOf<Token>(table: Table<Token>): Answers<Token> {
  return {
    answer: (method, params, token) =>
      table[method]?.(params, token) ?? Promise.reject(notAsked(method)),
  };
}

export function runAnswers<Token>(daemon: Requests<Token>, source: RunSource): Answers<Token> {
  return answersOf(
    "job" in source ? jobTable(daemon, source.job) : outputTable(daemon, source.output),
  );
}

function jobTable<Token>(daemon: Requests<Token>, id: string): Table<Token> {
  return {
    run: async (_, token) => runOfJob(await daemon.request(DETAIL, { id }, token)),
    matrix: ({ layer, role }, token) => daemon.request(MATRIX, { id, layer, role }, token),
    matrixTile: (asked, token) =>
      daemon.request(MATRIX_TILE, { source: { job: id }, ...asked }, token),
  };
}

function outputTable<Token>(daemon: Requests<Token>, output: string): Table<Token> {
  return {
    run: async () => runOfReport(await readReport(output)),
    matrix: async ({ layer, role }) => {
      const report = await readReport(output);
      const found = report.layers.find(({ index }) => index === layer);
      if (!found) throw noLayer(output, layer);
      return found.matrices[role];
    },
    matrixTile: (asked, token) =>
      daemon.request(MATRIX_TILE, { source: { output }, ...asked }, token),
  };
}

/** @param checkpoint a `.safetensors` file or an index */
export function checkpointAnswers<Token>(
  daemon: Requests<Token>,
  checkpoint: string,
): Answers<Token> {
  return answersOf({
    inspect: (_, token) => daemon.request(INSPECT, { checkpoint }, token),
    statistics: ({ tensor }, token) => daemon.request(STATISTICS, { checkpoint, tensor }, token),
    tensorTile: (asked, token) => daemon.request(TILE, { source: { checkpoint }, ...asked }, token),
  });
}
