/**
 * DOORWAY: a pruned matrix as linked heatmaps, importance before and after rotation and the mask, with the words and
 * numbers around them. Pages say where tiles come from and what of the look is kept.
 */
export { HeatmapView, type HeatmapLook, type HeatmapSource } from "./view.ts";
