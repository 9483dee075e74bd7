/** Where a run is, gathered from its events: what a view of it needs and no more. */
import type { RunEvent, Stage } from "../../pipeline/index.ts";
import type { Objective } from "../../vocabulary.ts";
import { createEta } from "../terminal/eta.ts";
import type { Eta } from "../terminal/eta.ts";

export interface Learning {
  readonly layers: readonly [first: number, last: number];
  readonly step: number;
  readonly steps: number;
  readonly objective: Objective;
  /** Losses under the current objective, in order. */
  readonly losses: readonly number[];
}

export interface RunState {
  readonly stage: Stage;
  readonly layer: number | null;
  readonly layers: number;
  readonly rotates: boolean;
  readonly fraction: number;
  /** The rotation being learned; null outside the rotate stage. */
  readonly learning: Learning | null;
  readonly seconds: number;
  readonly secondsInStage: number;
  readonly secondsLeft: number | null;
}

/** Curves are drawn some tens of characters wide. */
const LOSSES_KEPT = 512;

export class RunTracker {
  readonly #now: () => number;
  readonly #start: number;
  #eta: Eta = createEta(null);
  #stage: Stage = "plan";
  #stageStart: number;
  #layer: number | null = null;
  #layers = 0;
  #rotates = true;
  #fraction = 0;
  #learning: Learning | null = null;
  #secondsLeft: number | null = null;

  /** @param now milliseconds */
  constructor(now: () => number) {
    this.#now = now;
    this.#start = this.#stageStart = now();
  }

  /** @returns whether another stage or layer began */
  take(event: RunEvent): boolean {
    switch (event.type) {
      case "plan":
        this.#layers = event.plan.layers;
        this.#rotates = event.plan.recipe.rotation.kind !== "none";
        this.#eta = createEta(event.plan.seconds);
        return false;
      case "progress": {
        const moved = event.stage !== this.#stage || event.layer !== this.#layer;
        if (moved) {
          this.#stageStart = this.#now();
          this.#learning = null;
        }
        this.#stage = event.stage;
        this.#layer = event.layer;
        this.#layers = event.layers;
        this.#fraction = event.fraction;
        this.#secondsLeft = this.#eta.update(event.fraction, this.#seconds(this.#start));
        return moved;
      }
      case "step":
        this.#learning = learn(this.#learning, event);
        return false;
      case "device":
      case "resumed":
      case "layer":
      case "fallback":
      case "perplexity":
      case "note":
        return false;
      default:
        return event satisfies never;
    }
  }

  state(): RunState {
    return {
      stage: this.#stage,
      layer: this.#layer,
      layers: this.#layers,
      rotates: this.#rotates,
      fraction: this.#fraction,
      learning: this.#learning,
      seconds: this.#seconds(this.#start),
      secondsInStage: this.#seconds(this.#stageStart),
      secondsLeft: this.#secondsLeft,
    };
  }

  #seconds(since: number): number {
    return (this.#now() - since) / 1000;
  }
}

function learn(before: Learning | null, event: RunEvent & { type: "step" }): Learning {
  const { layers, step, steps, objective, loss } = event;
  const goesOn =
    before?.objective === objective && before.layers[0] === layers[0] && before.step < step;
  const losses = goesOn ? [...before.losses.slice(1 - LOSSES_KEPT), loss] : [loss];
  return { layers, step, steps, objective, losses };
}
