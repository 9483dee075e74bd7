/** A file of ratios, `[0.45, 0.5, 0.55]`: the share of weights to delete in every layer. */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { badProfile } from "./errors.ts";

const schema = z.array(z.number().gt(0).lt(1));

/** @throws pipeline/bad-profile */
export function readProfileFile(file: string, layers: number): readonly number[] {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    const what = cause instanceof SyntaxError ? "is not JSON" : "cannot be read";
    throw badProfile(file, `${what} (${cause instanceof Error ? cause.message : "?"})`);
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const at = issue?.path.length ? `, entry ${issue.path.join(".")}` : "";
    throw badProfile(file, `is no list of numbers between 0 and 1${at}`);
  }
  const ratios = parsed.data;
  if (ratios.length !== layers) {
    throw badProfile(file, `has ${ratios.length} ratios for a model of ${layers} layers`);
  }
  return ratios;
}
