/** The programs of this folder. Those that are written for one size are made when that size is first met. */
import type { Program } from "../runtime.ts";
import convertSource from "../convert.cu";
import columnsSource from "./columns.cu";
import common from "./common.cu";
import decoderSource from "./decoder.cu";
import entropySource from "./entropy.cu";
import factorSource from "./factor.cu";
import halfSource from "./half.cu";
import optimizerSource from "./optimizer.cu";
import prunedMassSource from "./prunedMass.cu";
import regroupSource from "./regroup.cu";
import selectSource from "./select.cu";
import sparsegptSource from "./sparsegpt.cu";

type Constants = Readonly<Record<string, number>>;

function program(name: string, source: string, constants: Constants = {}): Program {
  const given = Object.entries(constants);
  return {
    name: ["fused/", name, ...given.map(([key, value]) => `-${key}${value}`)].join(""),
    source: [...given.map(([key, value]) => `#define ${key} ${value}`), common, source].join("\n"),
  };
}

const made = new Map<string, Program>();

/** A program for these constants; the same object for the same ones, since modules are found by it. */
function specialised(name: string, source: string, constants: Constants): Program {
  const key = `${name}${Object.values(constants).join()}`;
  const found = made.get(key) ?? program(name, source, constants);
  made.set(key, found);
  return found;
}

export const columnsProgram = program("columns", columnsSource);
export const selectProgram = program("select", selectSource);
export const factorProgram = program("factor", factorSource);
export const decoderProgram = program("decoder", decoderSource);
export const optimizerProgram = program("optimizer", optimizerSource);
export const halfProgram = program("half", [convertSource, halfSource].join("\n"));

export const entropyProgram = (constants: { readonly QUADS: number }): Program =>
  specialised("entropy", entropySource, constants);

/** CHOICE: 1, 2, 4 or 8, a group within a quad or a pair of quads; 0 the row; -1 a mask that is given. */
export const prunedMassProgram = (constants: {
  readonly QUADS: number;
  readonly CHOICE: number;
}): Program => specialised("prunedMass", prunedMassSource, constants);

export const sparsegptProgram = (constants: { readonly SLOTS: number }): Program =>
  specialised("sparsegpt", sparsegptSource, constants);

/** Of groups of SIZE each row loses LOST; a swap gains more than GAIN. */
export const regroupProgram = (constants: {
  readonly SIZE: number;
  readonly LOST: number;
  readonly GAIN: number;
}): Program => specialised("regroup", regroupSource, constants);

/** One of each kind and more, so that a test can compile all that runs. */
export const PROGRAMS: readonly Program[] = [
  columnsProgram,
  selectProgram,
  factorProgram,
  decoderProgram,
  optimizerProgram,
  halfProgram,
  ...[1, 4, 7].map((QUADS) => entropyProgram({ QUADS })),
  ...[1, 4, 7].flatMap((QUADS) =>
    [-1, 0, 1, 2, 4, 8].map((CHOICE) => prunedMassProgram({ QUADS, CHOICE })),
  ),
  ...[1, 2, 4].map((SLOTS) => sparsegptProgram({ SLOTS })),
  ...[2, 4, 16, 32].map((SIZE) => regroupProgram({ SIZE, LOST: SIZE / 2, GAIN: 1e-6 })),
];
