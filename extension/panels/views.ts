/** The panels by name. Apart from what is behind them, because VS Code wants to know the names at its start. */
import type { RunViewName } from "../../webview/messages.ts";

export const SAFETENSORS_VIEW = "denoise-rotator.safetensors";

const VIEWS: { readonly [V in RunViewName]: V } = {
  run: "run",
  layerMap: "layerMap",
  matrix: "matrix",
  distribution: "distribution",
};
export const RUN_VIEWS: readonly RunViewName[] = Object.values(VIEWS);

/** In the output folder of a run; where it is, the run can be shown without its job. */
export const REPORT_FILE = "denoise-report.json";

export const viewType = (view: RunViewName): string => `denoise-rotator.${view}`;
