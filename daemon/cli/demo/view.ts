/** The demonstration while it goes on: a line for every finished run and, on a terminal, one bar for the whole. */
import { patternName } from "../../vocabulary.ts";
import { STAGE_NAMES, METHOD_NAMES } from "../prune/words.ts";
import { RunTracker } from "../prune/runState.ts";
import type { RunListener } from "../../pipeline/index.ts";
import { bar } from "../terminal/bar.ts";
import { duration, percent, significant } from "../terminal/numbers.ts";
import type { Screen } from "../terminal/screen.ts";
import { padEnd, padStart } from "../terminal/text.ts";
import { Forecast } from "./forecast.ts";
import type { DemoRun } from "./runs.ts";

const BAR = 32;
const NAME = 26;
/** Evaluating the written folder is the last part of a run. */
const PRUNING_SHARE = 0.9;

export class DemoView {
  readonly #screen: Screen;
  readonly #now: () => number;
  readonly #forecast: Forecast;
  readonly #start: number;
  #runStart: number;
  #share = 0;
  #doing = "";

  constructor(screen: Screen, runs: readonly DemoRun[], now: () => number) {
    this.#screen = screen;
    this.#now = now;
    this.#forecast = new Forecast(runs.map((run) => (run.rotated ? "rotated" : "plain")));
    this.#start = this.#runStart = now();
  }

  /** Watches the pruning of `run`. */
  pruning(run: DemoRun): RunListener {
    const tracker = new RunTracker(this.#now);
    this.#runStart = this.#now();
    this.#share = 0;
    return (event) => {
      tracker.take(event);
      const { layer, layers, stage, learning, fraction } = tracker.state();
      this.#share = fraction * PRUNING_SHARE;
      const place = layer === null ? "" : `layer ${layer + 1} of ${layers}, `;
      const step = learning === null ? "" : `, step ${learning.step} of ${learning.steps}`;
      this.#show(runName(run), `${place}${STAGE_NAMES[stage]}${step}`);
    };
  }

  /** Watches the evaluation of `what`. */
  evaluating(what: string): RunListener {
    return (event) => {
      if (event.type === "progress") {
        this.#share = Math.max(this.#share, PRUNING_SHARE + (1 - PRUNING_SHARE) * event.fraction);
      }
      this.#show(what, "evaluate");
    };
  }

  /** Dense, before the first run. */
  dense(perplexity: number): void {
    this.#share = 0;
    this.#finishedLine("dense", perplexity);
  }

  finished(run: DemoRun, perplexity: number): void {
    this.#finishedLine(runName(run), perplexity);
    this.#forecast.finished((this.#now() - this.#runStart) / 1000);
    this.#share = 0;
  }

  close(): void {
    this.#screen.clear();
  }

  #finishedLine(name: string, perplexity: number): void {
    const { style } = this.#screen;
    const seconds = (this.#now() - this.#runStart) / 1000;
    this.#screen.print(
      `  ${style.green("✓")} ${padEnd(name, NAME)} ${style.dim("perplexity")} ` +
        `${padStart(significant(perplexity), 7)}  ${style.dim(duration(seconds))}`,
    );
  }

  #show(name: string, doing: string): void {
    this.#doing = `${padEnd(name, NAME)} ${this.#screen.style.dim(doing)}`;
    this.#screen.draw(() => {
      const { style } = this.#screen;
      const elapsed = (this.#now() - this.#start) / 1000;
      const { fraction, secondsLeft } = this.#forecast.outlook(this.#share, elapsed);
      return [
        `  ${style.cyan("▸")} ${this.#doing}`,
        `    ${bar(fraction, BAR, style)} ${padStart(percent(fraction, 0), 5)}  ` +
          style.dim(`${duration(elapsed)}, about ${duration(secondsLeft)} left`),
      ];
    });
  }
}

/** `SparseGPT 2:4, rotated` */
export const runName = ({ method, pattern, rotated }: DemoRun): string =>
  `${METHOD_NAMES[method]} ${patternName(pattern)}${rotated ? ", rotated" : ""}`;
