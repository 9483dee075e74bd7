/** A plan before the work, and for `--dry-run` what becomes of every tensor. */
import { formatBytes } from "../../checkpoint/index.ts";
import type { Plan, PlannedTensor, TensorFate } from "../../pipeline/index.ts";
import { facts } from "../terminal/facts.ts";
import type { Fact } from "../terminal/facts.ts";
import { duration, integer, magnitude } from "../terminal/numbers.ts";
import type { Style } from "../terminal/style.ts";
import { table } from "../terminal/table.ts";
import { printable, wrap } from "../terminal/text.ts";
import { groupByLayer } from "../groups.ts";
import { calibrationText, methodText, rotationText } from "./words.ts";

export function planSummary(plan: Plan, style: Style, columns: number): string[] {
  const { recipe } = plan;
  const rows: readonly Fact[] = [
    [
      "model",
      `${printable(plan.modelType)}, ${plan.layers} layers, ${magnitude(plan.parameters)} parameters`,
    ],
    ["prune", methodText(recipe)],
    ["rotation", rotationText(recipe)],
    ...(recipe.method === "magnitude" ? [] : [["calibration", calibrationText(recipe)] as const]),
    [
      "memory",
      plan.ownMemory
        ? `${formatBytes(plan.deviceMemory)} on the GPU, ${formatBytes(plan.hostMemory)} of the machine's`
        : `${formatBytes(plan.deviceMemory + plan.hostMemory)}: ${formatBytes(plan.deviceMemory)} for the ` +
          `computation, ${formatBytes(plan.hostMemory)} beside it`,
    ],
    [
      "disk",
      `${formatBytes(plan.outputDisk)} for the output, ${formatBytes(plan.workDisk)} more while it runs ` +
        `(${formatBytes(plan.freeDisk)} free)`,
    ],
    ["time", plan.seconds === null ? "not known yet" : `about ${duration(plan.seconds)}`],
  ];
  return [
    "",
    `  ${style.bold(printable(plan.checkpoint))} ${style.dim("→")} ${style.bold(printable(plan.output))}`,
    "",
    ...facts(rows, columns, style),
    ...(plan.notes.length > 0 ? [""] : []),
    ...plan.notes.flatMap((note) => noteLines(note, style, columns)),
    "",
    ...shortageLines(plan, style, columns),
  ];
}

/** Why the run would be refused, and a line below; nothing where it would not. */
export const shortageLines = ({ shortages }: Plan, style: Style, columns: number): string[] =>
  shortages.length === 0
    ? []
    : [...shortages.flatMap(({ message }) => wrapped(message, style.red("✗"), columns)), ""];

/** A remark, wrapped and set off from the figures. */
export const noteLines = (note: string, style: Style, columns: number): string[] =>
  wrapped(note, style.yellow("•"), columns);

function wrapped(text: string, mark: string, columns: number): string[] {
  const lines = wrap(printable(text), Math.max(40, Math.min(columns, 100) - 4));
  return lines.map((line, i) => `  ${i === 0 ? mark : " "} ${line}`);
}

const FATES: Readonly<Record<TensorFate, string>> = {
  pruned: "rotated and pruned",
  rotated: "rotated",
  folded: "norm folded into its neighbours",
  added: "added",
  copied: "copied",
};

const fateText = (tensor: PlannedTensor, rotates: boolean): string =>
  tensor.fate === "pruned" && !rotates ? "pruned" : FATES[tensor.fate];

export function plannedTensors(plan: Plan, style: Style): string[] {
  const rotates = plan.recipe.rotation.kind !== "none";
  const groups = groupByLayer(plan.tensors, (tensor) =>
    JSON.stringify([tensor.dtype, tensor.shape, tensor.fate, tensor.zeros]),
  );
  return [
    ...table(
      [
        { title: "  tensor" },
        { title: "count", align: "right" },
        { title: "dtype" },
        { title: "shape", align: "right" },
        { title: "zeros", align: "right" },
        { title: "becomes" },
      ],
      groups.map(({ label, members, first }) => [
        `  ${label}`,
        String(members.length),
        first.dtype,
        first.shape.join(" × "),
        first.zeros === 0 ? "" : integer(first.zeros * members.length),
        fateText(first, rotates),
      ]),
      style.dim,
    ),
    "",
    `  ${style.dim("files")}  ${plan.files.map(printable).join(", ")}`,
    "",
  ];
}
