/** How many weights a pattern deletes, and whether it fits a layer. Counts are exact: masks pick by index. */
import { matrixShape, patternName, ROLES, type LayerShape, type Pattern } from "../vocabulary.ts";
import { patternDoesNotFit, patternOutOfRange } from "./errors.ts";

/**
 * Checks a pattern against every matrix of a layer before any work.
 *
 * @param root folder of the checkpoint, for the message
 * @throws method/pattern-out-of-range; method/pattern-does-not-fit, naming the role and its sizes
 */
export function assertPatternFits(pattern: Pattern, shape: LayerShape, root?: string): void {
  if (pattern.kind === "unstructured") {
    if (!(pattern.share > 0 && pattern.share < 1)) throw patternOutOfRange(patternName(pattern));
    return;
  }
  const { keep, of } = pattern;
  const whole = Number.isInteger(keep) && Number.isInteger(of);
  if (!whole || keep < 1 || keep >= of) throw patternOutOfRange(patternName(pattern));
  for (const role of ROLES) {
    const [out, columns] = matrixShape(role, shape);
    if (columns % of !== 0) throw patternDoesNotFit(role, out, columns, of, root);
  }
}
