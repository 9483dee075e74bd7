/** What a page keeps of the look of its heatmaps. */
import * as z from "zod/mini";
import { RAMP_NAMES } from "../charts/index.ts";

export const lookSchema = z.object({
  ramp: z.enum(RAMP_NAMES),
  view: z.nullable(
    z.object({ row: z.number(), col: z.number(), scaleX: z.number(), scaleY: z.number() }),
  ),
});
