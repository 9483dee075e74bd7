import { z } from "zod";

export const NO_LABEL = "no right choice is named; the test part of many data sets has none";

/** Index of the right choice, as a number or its digits; `-1` and the empty string stand for "not told". */
export const label = z
  .union([z.int(), z.string().regex(/^-?\d*$/)], { error: "not a whole number" })
  .transform((value) => (value === "" ? -1 : Number(value)))
  .refine((index) => index >= 0, { error: NO_LABEL });
