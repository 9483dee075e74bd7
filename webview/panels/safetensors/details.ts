/** The right side: one tensor, what its header says at once, what takes reading when it is there. */
import { format, h, RAMP_NAMES, type RampName, valueHistogram } from "../../charts/index.ts";
import { button, chartBox, definitions, segmented } from "../../controls/index.ts";
import { AXES_MARGIN } from "../../matrix/index.ts";
import type { InspectionView, StatisticsView, TensorView, Tile } from "../../messages.ts";
import { type Bridge, RequestError } from "../bridge.ts";
import { failure } from "../frame.ts";
import { partsIn, saveButtons } from "../saving.ts";
import { binsCsv } from "./binsCsv.ts";
import { elements, headerFacts, isFloat, statisticsFacts } from "./facts.ts";
import { matrixShape, tensorHeatmap, type TensorHeatmap } from "./tensorHeatmap.ts";

/** Tensors larger than this are read when the person asks for it. */
const READ_AT_ONCE_BYTES = 256e6;

export interface DetailsOptions {
  readonly ramp: RampName;
  readonly onRamp: (ramp: RampName) => void;
  readonly onStatistics: (tensor: string, statistics: StatisticsView) => void;
}

interface Read {
  readonly statistics: StatisticsView;
  /** Null for integers, which have no heatmap, and for tensors without elements. */
  readonly whole: Tile | null;
}

export class DetailsView {
  readonly element = h("section", { class: "details", "aria-label": "Tensor" });
  #ramp: RampName;
  #reading: AbortController | null = null;
  #heatmap: TensorHeatmap | null = null;

  constructor(
    private readonly bridge: Bridge,
    private readonly inspection: InspectionView,
    private readonly options: DetailsOptions,
  ) {
    this.#ramp = options.ramp;
    this.element.append(
      h(
        "div",
        { class: "panel-state" },
        h("strong", {}, "Choose a tensor."),
        h("span", {}, "Its values are read when you look at it, not before."),
      ),
    );
  }

  show(tensor: TensorView): void {
    this.#stop();
    const body = h("div", { class: "details-body" });
    this.element.replaceChildren(
      h("h2", { class: "details-name" }, tensor.name),
      definitions(headerFacts(tensor, this.inspection), "compact"),
      body,
    );
    if (elements(tensor) === 0) body.append(h("p", { class: "dr-empty" }, "This tensor is empty."));
    else if (tensor.bytes > READ_AT_ONCE_BYTES) this.#offer(tensor, body);
    else void this.#read(tensor, body);
  }

  #stop(): void {
    this.#reading?.abort();
    this.#reading = null;
    this.#heatmap?.explorer.dispose();
    this.#heatmap = null;
  }

  #offer(tensor: TensorView, body: HTMLElement): void {
    body.replaceChildren(
      h(
        "div",
        { class: "panel-state" },
        h(
          "span",
          {},
          `Statistics and heatmap need all ${format.bytes(tensor.bytes)} of it to be read.`,
        ),
        button({
          label: "Read Tensor",
          primary: true,
          onClick: () => {
            void this.#read(tensor, body);
          },
        }),
      ),
    );
  }

  async #read(tensor: TensorView, body: HTMLElement): Promise<void> {
    const reading = (this.#reading = new AbortController());
    const { signal } = reading;
    body.replaceChildren(
      h(
        "div",
        { class: "panel-state", role: "status" },
        h("span", {}, `Reading ${format.bytes(tensor.bytes)}…`),
        button({
          label: "Cancel",
          onClick: () => {
            reading.abort();
            this.#offer(tensor, body);
          },
        }),
      ),
    );
    try {
      const statistics = await this.bridge.request("statistics", { tensor: tensor.name }, signal);
      this.options.onStatistics(tensor.name, statistics);
      const whole = isFloat(tensor.dtype) ? await this.#whole(tensor, signal) : null;
      if (!signal.aborted) this.#fill(tensor, { statistics, whole }, body);
    } catch (error) {
      if (signal.aborted || (error instanceof RequestError && error.code === "cancelled")) return;
      body.replaceChildren(
        failure("The values of this tensor cannot be shown.", error, () => {
          void this.#read(tensor, body);
        }),
      );
    }
  }

  #whole(tensor: TensorView, signal: AbortSignal): Promise<Tile> {
    const { rows, cols } = matrixShape(tensor);
    return this.bridge.request(
      "tensorTile",
      { tensor: tensor.name, kind: "magnitude", rows: [0, rows], cols: [0, cols] },
      signal,
    );
  }

  #fill(tensor: TensorView, read: Read, body: HTMLElement): void {
    const { statistics, whole } = read;
    const { histogram } = statistics;
    const chart = chartBox((container, width) => {
      if (histogram !== null) {
        valueHistogram(container, histogram, { width: Math.min(width, 760), title: tensor.name });
      }
    });
    body.replaceChildren(
      definitions(statisticsFacts(statistics), "compact"),
      ...(histogram === null
        ? []
        : [h("h3", {}, "Distribution of the values other than zero"), chart.element]),
    );
    if (whole !== null) body.append(this.#heatmapSection(tensor, statistics, whole));
    body.append(this.#saving(tensor, statistics, chart.element));
  }

  #heatmapSection(tensor: TensorView, statistics: StatisticsView, whole: Tile): HTMLElement {
    const place = h("div");
    const draw = (): void => {
      this.#heatmap?.explorer.dispose();
      this.#heatmap = tensorHeatmap(this.bridge, tensor, whole, statistics, this.#ramp);
      place.replaceChildren(this.#heatmap.element);
    };
    const ramps = segmented<RampName>(
      "Colours",
      RAMP_NAMES.map((value) => ({ value, label: value })),
      this.#ramp,
      (ramp) => {
        this.#ramp = ramp;
        this.options.onRamp(ramp);
        draw();
      },
    );
    draw();
    return h(
      "div",
      {},
      h("div", { class: "details-heading" }, h("h3", {}, "Heatmap"), ramps),
      place,
    );
  }

  #saving(tensor: TensorView, statistics: StatisticsView, chart: HTMLElement): HTMLElement {
    return saveButtons(this.bridge, {
      name: () => tensor.name,
      parts: () => [
        ...partsIn(chart, tensor.name),
        ...(this.#heatmap?.explorer.pictures() ?? []).map(({ title, canvas, axes }) => ({
          title,
          svg: axes,
          canvas: { element: canvas, left: AXES_MARGIN.left, top: AXES_MARGIN.top },
        })),
      ],
      csv: () => binsCsv(statistics),
    });
  }
}
