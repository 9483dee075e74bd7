/** Layers and matrices of a run as columns of a table or a CSV file, with all digits. */
import type { Column } from "../charts/index.ts";
import type { Role } from "../../daemon/vocabulary.ts";
import type { LayerView, MatrixSummary } from "../messages.ts";

export const LAYER_COLUMNS: readonly Column<LayerView>[] = [
  { label: "layer", value: (l) => l.index },
  { label: "entropy before", value: (l) => l.entropy.before },
  { label: "entropy after", value: (l) => l.entropy.after },
  { label: "pruned mass before", value: (l) => l.prunedMass.before },
  { label: "pruned mass after", value: (l) => l.prunedMass.after },
  { label: "last loss", value: (l) => l.curve.at(-1)?.loss ?? "" },
];

export interface MatrixRow extends MatrixSummary {
  readonly layer: number;
  readonly role: Role;
}

export const MATRIX_COLUMNS: readonly Column<MatrixRow>[] = [
  { label: "layer", value: (m) => m.layer },
  { label: "matrix", value: (m) => m.role },
  { label: "rows", value: (m) => m.shape[0] },
  { label: "columns", value: (m) => m.shape[1] },
  { label: "zeros", value: (m) => m.zeros },
  { label: "sparsity", value: (m) => m.sparsity },
  { label: "entropy before", value: (m) => m.entropy.before },
  { label: "entropy after", value: (m) => m.entropy.after },
  { label: "pruned mass before", value: (m) => m.prunedMass.before },
  { label: "pruned mass after", value: (m) => m.prunedMass.after },
];
