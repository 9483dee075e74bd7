/**
 * The worker's entry: the only process that loads TensorFlow.js. It does one job and ends, or answers questions that
 * need the engine until it is told to go. Without its daemon it has nobody to work for and ends at once; what it
 * finished is on disk.
 */
import { setPriority } from "node:os";
import * as tf from "@tensorflow/tfjs-core";
import { listDevices } from "./backend/index.ts";
import { openCheckpoint } from "./checkpoint/index.ts";
import { DenoiseError } from "./errors.ts";
import { fetchInputs, inputsAtHand, resolveTextFiles, type DownloadProgress } from "./hub/index.ts";
import { sendable } from "./jobs/errors.ts";
import type {
  FromWorker,
  ModelFacts,
  Question,
  Questions,
  ToWorker,
  Topic,
  Work,
} from "./jobs/messages.ts";
import { checkTensors, parseConfig } from "./model/index.ts";
import {
  evaluate,
  planPrune,
  prune,
  type Plan,
  type PruneOptions,
  type RunListener,
} from "./pipeline/index.ts";
import type { JobResult } from "./protocol/jobs.ts";
import { editorWords } from "./wording.ts";

/** Behind the editor and its language servers, which a person waits for. */
const NICENESS = 5;
const MEMORY_EVERY_MS = 1000;

const job = new AbortController();
const questions = new Map<number, AbortController>();
/** Questions are answered one after the other: TensorFlow.js has one global backend. */
let answering: Promise<void> = Promise.resolve();

function send(message: FromWorker): Promise<void> {
  return new Promise((resolve) => {
    // The daemon is gone where this fails; `disconnect` ends the process then.
    process.send?.(message, () => {
      resolve();
    });
  });
}

async function doWork(work: Work): Promise<void> {
  const memory = setInterval(() => void send({ type: "memory", ...memoryNow() }), MEMORY_EVERY_MS);
  const listener: RunListener = (event) => void send({ type: "event", event });
  try {
    await send({ type: "done", result: await resultOf(work, listener) });
  } catch (error) {
    await send({ type: "failed", error: sendable(error) });
  } finally {
    clearInterval(memory);
  }
  // Devices may leave handles that keep the process alive.
  process.exit(0);
}

const memoryNow = () => ({
  hostBytes: process.memoryUsage.rss(),
  // `tf.memory()` asks the device, and throws while that one is being opened.
  deviceBytes: tf.engine().state.numBytes,
});

async function resultOf(work: Work, listener: RunListener): Promise<JobResult> {
  if (work.kind === "evaluate") {
    const text = await resolveTextFiles(work.options.text, "evaluation", fetching(listener));
    const options = { ...work.options, text };
    return { kind: "evaluate", ...(await evaluate(options, listener, job.signal)) };
  }
  const options = await fetchInputs(work.options, fetching(listener));
  const { output, report, seconds } = await pruneOrResume({ ...work, options }, listener);
  const { sparsity, bytes } = report.total;
  return { kind: "prune", output, sparsity, bytes, seconds };
}

/** Tells what is fetched, each file once. */
function fetching(listener: RunListener) {
  const told = new Set<string>();
  return {
    signal: job.signal,
    onProgress: ({ file, fileDone }: DownloadProgress) => {
      if (fileDone || told.has(file)) return;
      told.add(file);
      listener({ type: "note", text: `Fetching ${file}` });
    },
  };
}

async function pruneOrResume(
  { options, resume }: Extract<Work, { kind: "prune" }>,
  listener: RunListener,
) {
  if (!resume) return prune(options, listener, job.signal);
  try {
    return await prune({ ...options, resume: true }, listener, job.signal);
  } catch (error) {
    const nothing = error instanceof DenoiseError && error.code === "pipeline/nothing-to-resume";
    if (!nothing) throw error;
    return prune(options, listener, job.signal);
  }
}

async function answer(id: number, question: Question): Promise<void> {
  const controller = new AbortController();
  questions.set(id, controller);
  await answering;
  try {
    await send({ type: "answer", id, answer: await answerTo(question, controller.signal) });
  } catch (error) {
    await send({ type: "refusal", id, error: sendable(error) });
  } finally {
    questions.delete(id);
  }
}

async function answerTo(
  question: Question,
  signal: AbortSignal,
): Promise<Questions[Topic]["answer"]> {
  signal.throwIfAborted();
  switch (question.topic) {
    case "devices":
      return listDevices();
    case "plan":
      return plan(question.asked, signal);
    case "model":
      return modelFacts(question.asked, signal);
    default:
      return question satisfies never;
  }
}

async function plan(asked: PruneOptions, signal: AbortSignal): Promise<Plan> {
  const { inputs, missing } = await inputsAtHand(asked);
  return planPrune(inputs, signal, editorWords, missing);
}

async function modelFacts(
  { root, config }: Questions["model"]["asked"],
  signal: AbortSignal,
): Promise<ModelFacts> {
  const model = parseConfig(config, root);
  const checkpoint = await openCheckpoint(root, { signal }).catch((error: unknown) => {
    // A config without weights beside it is looked at alone.
    const codes = ["checkpoint/no-weights", "checkpoint/not-found"];
    if (error instanceof DenoiseError && codes.includes(error.code)) return null;
    throw error;
  });
  try {
    if (checkpoint) checkTensors(checkpoint, model);
  } finally {
    await checkpoint?.close();
  }
  const { modelType, shape, layers } = model;
  return { modelType, shape, layers };
}

process.on("message", (message: ToWorker) => {
  switch (message.type) {
    case "work":
      void doWork(message.work);
      return;
    case "cancel":
      job.abort();
      return;
    case "ask":
      answering = answer(message.id, message.question);
      return;
    case "withdraw":
      questions.get(message.id)?.abort();
      return;
    default:
      message satisfies never;
  }
});
process.on("disconnect", () => {
  process.exit(1);
});
setPriority(NICENESS);
