/** The head of the run page: state, progress, what can be done about it, and what went wrong. */
import { JOB_STATE_NAMES } from "../../../daemon/vocabulary.ts";
import { h } from "../../charts/index.ts";
import { button, definitions } from "../../controls/index.ts";
import type { JobView, PageCommand, RunView } from "../../messages.ts";
import { offersFor } from "./offers.ts";
import { progressFacts, whereabouts } from "./words.ts";

export class StatusView {
  readonly element = h("section", { class: "run-status", "aria-label": "State of the run" });
  readonly #badge = h("span", { class: "run-badge" });
  readonly #where = h("span", { class: "run-where", role: "status" });
  readonly #percent = h("span", { class: "run-percent" });
  readonly #fill = h("div", { class: "run-fill" });
  readonly #bar = h(
    "div",
    {
      class: "run-bar",
      role: "progressbar",
      "aria-label": "Progress",
      "aria-valuemin": 0,
      "aria-valuemax": 100,
    },
    this.#fill,
  );
  readonly #facts = h("div");
  readonly #trouble = h("div");
  readonly #actions = h("div", { class: "panel-group run-actions" });
  #offered = "";

  constructor(private readonly command: (command: PageCommand) => void) {
    this.element.append(
      h("div", { class: "run-line" }, this.#badge, this.#where, this.#percent, this.#actions),
      this.#bar,
      this.#facts,
      this.#trouble,
    );
  }

  update(run: RunView): void {
    const { job } = run;
    this.element.hidden = job === null;
    if (job === null) return;
    const fraction = job.state === "done" ? 1 : (job.progress?.fraction ?? 0);
    this.#badge.textContent = JOB_STATE_NAMES[job.state];
    this.#badge.className = `run-badge run-${job.state}`;
    // Said by a screen reader when it changes: not a hundred times a layer.
    const where = whereabouts(job);
    if (this.#where.textContent !== where) this.#where.textContent = where;
    this.#percent.textContent = `${Math.floor(fraction * 100)}\u202f%`;
    this.#fill.style.width = `${(fraction * 100).toFixed(2)}%`;
    this.#bar.setAttribute("aria-valuenow", String(Math.floor(fraction * 100)));
    this.#bar.classList.toggle("run-bar-still", job.state !== "running");
    this.#facts.replaceChildren(definitions(progressFacts(run), "compact"));
    this.#trouble.replaceChildren(...trouble(job));
    this.#offer(job);
  }

  /** Buttons are made anew only when others are offered: the focus stays. */
  #offer(job: JobView): void {
    const offers = offersFor(job);
    const key = offers.map(({ command }) => command).join();
    if (key === this.#offered) return;
    this.#offered = key;
    this.#actions.replaceChildren(
      ...offers.map(({ command, label, primary }) =>
        button({
          label,
          primary,
          onClick: () => {
            this.command(command);
          },
        }),
      ),
    );
  }
}

function trouble({ error, state }: JobView): HTMLElement[] {
  if (error === null || state === "cancelled") return [];
  return [
    h(
      "div",
      { class: "run-trouble", role: "alert" },
      h("p", {}, error.message),
      h("code", {}, error.code),
    ),
  ];
}
