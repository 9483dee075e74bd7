/** Families that people ask for and that are refused, with the reason: known before a tensor is read. */

/** Their attention and FFN pass through an RMSNorm with gains before they are added to the stream. */
const OUTPUT_NORMS = new Set(["gemma2", "gemma3", "gemma3_text", "glm4", "olmo2", "olmo3"]);

/** What the families' configurations call the number of experts. */
const EXPERT_COUNTS = ["num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"];

/** @returns why no rotation can be learned for this family (yet); null where there is no particular reason */
export function refusalReason(
  modelType: string,
  config: Readonly<Record<string, unknown>>,
): string | null {
  if (OUTPUT_NORMS.has(modelType)) {
    return (
      "it norms what attention and FFN give once more before adding it to the residual stream, and the gains of " +
      "these norms scale single directions of the stream. Turned by a rotation they would scale others, and no weight " +
      "matrix stands behind them to take the difference: the rotation cannot be folded in without extra matrices in " +
      "every layer"
    );
  }
  const experts = EXPERT_COUNTS.some((key) => Number(config[key]) > 1);
  if (experts || /moe$|^mixtral$/.test(modelType)) {
    return (
      "it is a mixture of experts, each of which sees only the tokens that are routed to it. Calibration and rotation " +
      "expert by expert are not built yet"
    );
  }
  return null;
}
