/** Messages of a page to its host. */
import * as z from "zod/mini";
import { ROLES } from "../../daemon/vocabulary.ts";
import { exactly, natural } from "../schemas/report.ts";
import { METHODS, type MethodName, type Params } from "./requests.ts";
import type { MatrixId } from "./run.ts";

/** The pages of a run, as far as one leads to another. */
export const RUN_VIEWS = ["run", "layerMap", "matrix", "distribution"] as const;
export type RunViewName = (typeof RUN_VIEWS)[number];

/** Commands of the extension that a page may trigger for the job it shows. */
export const PAGE_COMMANDS = ["cancel", "resume", "showLog", "openOutput", "openReport"] as const;
export type PageCommand = (typeof PAGE_COMMANDS)[number];

export type PageRequest = {
  [M in MethodName]: {
    readonly type: "request";
    readonly id: number;
    readonly method: M;
    readonly params: Params<M>;
  };
}[MethodName];

/** A file to be saved where the person says. */
export interface SaveMessage {
  readonly type: "save";
  /** File name to propose. */
  readonly name: string;
  readonly encoding: "utf8" | "base64";
  readonly data: string;
}

export type PageMessage =
  /** The page listens; answered with `show`. */
  | { readonly type: "ready" }
  | PageRequest
  | { readonly type: "cancel"; readonly id: number }
  | {
      readonly type: "open";
      readonly view: RunViewName;
      readonly at?: MatrixId | undefined;
      /** In one more panel, in the next column; without, the one that is open is used again. */
      readonly aside?: boolean | undefined;
    }
  /** The matrix that is shown now, for the panel's title. */
  | { readonly type: "showing"; readonly at: MatrixId }
  | { readonly type: "command"; readonly command: PageCommand }
  | SaveMessage;

/** The largest file a page may ask to save; a PNG of a view has far less. */
const MOST_SAVED = 64 * 2 ** 20;

const request = <M extends MethodName, P extends z.ZodMiniType>(method: M, params: P) =>
  z.object({ type: z.literal("request"), id: natural, method: z.literal(method), params });

export const pageMessage = exactly<PageMessage>()(
  z.union([
    z.object({ type: z.literal("ready") }),
    request("run", METHODS.params.run),
    request("matrix", METHODS.params.matrix),
    request("matrixTile", METHODS.params.matrixTile),
    request("inspect", METHODS.params.inspect),
    request("statistics", METHODS.params.statistics),
    request("tensorTile", METHODS.params.tensorTile),
    z.object({ type: z.literal("cancel"), id: natural }),
    z.object({
      type: z.literal("open"),
      view: z.enum(RUN_VIEWS),
      at: z.optional(z.object({ layer: natural, role: z.enum(ROLES) })),
      aside: z.optional(z.boolean()),
    }),
    z.object({ type: z.literal("showing"), at: z.object({ layer: natural, role: z.enum(ROLES) }) }),
    z.object({ type: z.literal("command"), command: z.enum(PAGE_COMMANDS) }),
    z.object({
      type: z.literal("save"),
      name: z.string().check(z.regex(/^[\w.,=() -]{1,120}$/)),
      encoding: z.enum(["utf8", "base64"]),
      data: z.string().check(z.maxLength(MOST_SAVED)),
    }),
  ]),
);
