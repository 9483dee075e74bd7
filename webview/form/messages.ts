/** What the form of Prune with DenoiseRotator and its host say to each other; checked at both ends. */
import * as z from "zod/mini";
import { DEVICE_CHOICES, GPU_NUMBERS, OBJECTIVES, PRUNE_METHODS } from "../../daemon/vocabulary.ts";

export const EFFORTS = {
  fast: { steps: 50, samples: 32 },
  balanced: { steps: 200, samples: 128 },
  thorough: { steps: 600, samples: 128 },
} as const;
export type Effort = keyof typeof EFFORTS;

const text = z.string().check(z.maxLength(4096));
const count = z.int().check(z.minimum(1), z.maximum(1_000_000));

const device = z.union([
  z.enum(DEVICE_CHOICES),
  z.templateLiteral(["cuda:", z.string().check(z.regex(GPU_NUMBERS))]),
]);

/** What a person has filled in. The words are those of recipe files. */
export const formValues = z.object({
  method: z.enum(PRUNE_METHODS),
  sparsity: text,
  rotation: text,
  objective: z.enum(OBJECTIVES),
  steps: count,
  samples: count,
  seqLen: z.nullable(count),
  sparsityProfile: z.enum(["uniform", "owl"]),
  calibration: z.array(text).check(z.maxLength(64)),
  evaluation: z.array(text).check(z.maxLength(64)),
  /** Null: named after the checkpoint and the options. */
  out: z.nullable(text),
  device,
});
export type FormValues = z.infer<typeof formValues>;

/** What is kept of the form over a reload of the window. */
export const formState = z.object({ checkpoint: text, values: formValues });
export type FormState = z.infer<typeof formState>;

export const FIELDS = ["calibration", "evaluation", "out"] as const;
export type PathField = (typeof FIELDS)[number];

export const formMessage = z.discriminatedUnion("type", [
  z.object({ type: z.literal("ready") }),
  z.object({ type: z.literal("change"), values: formValues }),
  z.object({ type: z.literal("browse"), field: z.enum(FIELDS) }),
  z.object({ type: z.literal("start"), values: formValues }),
  z.object({ type: z.literal("save"), values: formValues }),
  z.object({ type: z.literal("devices") }),
]);
/** From the page to its host. */
export type FormMessage = z.infer<typeof formMessage>;

const trouble = z.object({
  message: z.string(),
  /** The control that it is about; null: the whole. */
  field: z.nullable(z.enum(["sparsity", "rotation", "calibration", "evaluation", "out", "device"])),
});
export type Trouble = z.infer<typeof trouble>;

const amount = z.number().check(z.nonnegative());
const estimate = z.object({
  device: amount,
  host: amount,
  /** While it runs, and what stays. */
  workDisk: amount,
  outputDisk: amount,
  freeDisk: amount,
  seconds: z.nullable(amount),
  layers: amount,
  parameters: amount,
  modelType: text,
  notes: z.array(z.string()),
  /** What it needs more of than there is: it cannot start. */
  shortages: z.array(trouble),
});
export type EstimateView = z.infer<typeof estimate>;

const deviceChoice = z.object({
  device,
  available: z.boolean(),
  detail: z.string(),
});
export type DeviceChoice = z.infer<typeof deviceChoice>;

export const hostMessage = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("show"),
    checkpoint: text,
    values: formValues,
    /** Calibration text that is taken where none is named. */
    foundCalibration: z.nullable(text),
  }),
  /** The output folder that a null `out` stands for. */
  z.object({ type: z.literal("out"), out: text }),
  z.object({ type: z.literal("devices"), devices: z.array(deviceChoice) }),
  z.object({ type: z.literal("picked"), field: z.enum(FIELDS), paths: z.array(text) }),
  z.object({ type: z.literal("estimating") }),
  z.object({ type: z.literal("estimate"), estimate }),
  z.object({ type: z.literal("trouble"), trouble }),
  /** Starting failed or was given up: the buttons work again. */
  z.object({ type: z.literal("idle") }),
]);
/** From the host to its page. */
export type HostMessage = z.infer<typeof hostMessage>;
