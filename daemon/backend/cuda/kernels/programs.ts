/** The programs of this folder: CUDA C files, and what is generated from the table of expressions. */
import type { Program } from "../runtime.ts";
import argBestSource from "./argBest.cu";
import binarySource from "./binary.cu";
import elements from "./elements.cu";
import {
  BINARY,
  CASTS,
  UNARY,
  type BinaryName,
  type Expression,
  type UnaryName,
} from "./expressions.ts";
import indexingSource from "./indexing.cu";
import type { Element } from "./kernel.ts";
import movementSource from "./movement.cu";
import reduceSource from "./reduce.cu";
import rowsSource from "./rows.cu";
import unarySource from "./unary.cu";

const C_TYPES: Readonly<Record<Element, string>> = { float: "float", int: "i32", bool: "u8" };

const program = (name: string, ...parts: readonly string[]): Program => ({
  name: `kernels/${name}`,
  source: [elements, ...parts].join("\n"),
});

/** An elementwise kernel's entry in its program, and the line of CUDA C that makes it. */
interface Entry {
  readonly entry: string;
  readonly name: string;
  readonly type: Element;
  readonly line: string;
}

/** `MACRO(entry, type of the operands, type of the result, expression)` for every expression of a table. */
function entriesOf(macro: string, table: Readonly<Record<string, Expression>>): Entry[] {
  return Object.entries(table).flatMap(([name, { result, ...expressions }]) =>
    Object.entries(expressions).map(([key, expression]) => {
      const type = key as Element;
      const entry = `${name}_${type}`;
      const types = `${C_TYPES[type]}, ${C_TYPES[result ?? type]}`;
      return { entry, name, type, line: `${macro}(${entry}, ${types}, ${expression})` };
    }),
  );
}

/** Programs of the elementwise kernels that `groupOf` puts together: a first use compiles its group only. */
function grouped(
  source: string,
  entries: readonly Entry[],
  groupOf: (entry: Entry) => string,
): Map<string, Program> {
  const lines = new Map<string, Entry[]>();
  for (const entry of entries) {
    const group = groupOf(entry);
    lines.set(group, [...(lines.get(group) ?? []), entry]);
  }
  const programs = new Map<string, Program>();
  for (const [group, members] of lines) {
    const made = program(group, source, ...members.map(({ line }) => line));
    for (const { entry } of members) programs.set(entry, made);
  }
  return programs;
}

const casts: Record<string, Expression> = {};
for (const [from, targets] of Object.entries(CASTS)) {
  for (const [to, expression] of Object.entries(targets)) {
    casts[`Cast_${to}`] = { ...casts[`Cast_${to}`], [from]: expression, result: to as Element };
  }
}

/** The reductions that reduce.cu has. */
const REDUCTIONS: readonly { readonly name: string; readonly types: readonly Element[] }[] = [
  ...["Sum", "Prod", "Max", "Min"].map((name) => ({ name, types: ["float", "int"] as const })),
  ...["All", "Any"].map((name) => ({ name, types: ["bool"] as const })),
];

const RARE: ReadonlySet<string> = new Set<UnaryName>([
  ...(["Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cos", "Cosh", "Elu", "Erf"] as const),
  ...(["IsFinite", "IsInf", "IsNan", "LeakyRelu", "Relu6", "Selu", "Sin", "Sinh", "Tan"] as const),
]);
const ARITHMETIC: ReadonlySet<string> = new Set<BinaryName>([
  ...(["Add", "Sub", "Multiply", "RealDiv", "Maximum", "Minimum", "SquaredDifference"] as const),
]);
const COMPARISONS: ReadonlySet<string> = new Set<BinaryName>([
  ...(["Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual"] as const),
]);

const unaryPrograms = grouped(
  unarySource,
  [...entriesOf("UNARY", UNARY), ...entriesOf("UNARY", casts)],
  ({ name }) => (RARE.has(name) ? "unary-rare" : name.startsWith("Cast_") ? "cast" : "unary"),
);
const binaryPrograms = grouped(binarySource, entriesOf("BINARY", BINARY), ({ name, type }) => {
  if (ARITHMETIC.has(name)) return `arithmetic-${type}`;
  return COMPARISONS.has(name) ? `comparison-${type}` : `binary-rare-${type}`;
});

/** One each: most runs need the sum, the largest and the smallest of floats only. */
const reducePrograms = new Map(
  REDUCTIONS.flatMap(({ name, types }) =>
    types.map((type) => {
      const entry = `${name}_${type}`;
      return [entry, program(`reduce-${entry}`, reduceSource, `REDUCTION(${entry})`)] as const;
    }),
  ),
);

function found(programs: ReadonlyMap<string, Program>, entry: string): Program {
  const program = programs.get(entry);
  if (program === undefined) throw new RangeError(`There is no kernel ${entry}`);
  return program;
}

export const unaryProgram = (entry: string): Program => found(unaryPrograms, entry);
export const reduceProgram = (entry: string): Program => found(reducePrograms, entry);
export const binaryProgram = (entry: string): Program => found(binaryPrograms, entry);
export const movementProgram = program("movement", movementSource);
export const indexingProgram = program("indexing", indexingSource);
export const argBestProgram = program("argBest", argBestSource);
export const rowsProgram = program("rows", rowsSource);

export const PROGRAMS: readonly Program[] = [
  ...new Set([...unaryPrograms.values(), ...binaryPrograms.values()]),
  movementProgram,
  indexingProgram,
  ...reducePrograms.values(),
  argBestProgram,
  rowsProgram,
];
