/** The two buttons that end the form, and when each can be pressed. */
import { h } from "../charts/index.ts";
import { button } from "../controls/index.ts";

export class Ending {
  /** A control holds what is no value: the others are as planned, but not what the person sees. */
  #wrong = false;
  /** These values have been planned, and can be. */
  #planned = false;
  /** Until the host answers, so that one impatient double click does not start two runs. */
  #starting = false;
  /** Also what Enter presses in every field. */
  readonly #start = h(
    "button",
    { type: "submit", class: "page-button panel-primary" },
    "Start Pruning",
  );
  readonly #save: HTMLButtonElement;
  readonly element: HTMLElement;

  constructor(onSave: () => void) {
    this.#save = button({ label: "Save as Recipe…", onClick: onSave });
    this.element = h("div", { class: "form-actions" }, this.#start, this.#save);
    this.#enable();
  }

  can(what: "start" | "save"): boolean {
    return !(what === "start" ? this.#start : this.#save).disabled;
  }

  wrong(wrong: boolean): void {
    this.#wrong = wrong;
    this.#enable();
  }

  /** @param can false where it cannot, and while it is not known */
  planned(can: boolean): void {
    this.#planned = can;
    this.#enable();
  }

  /** The host had trouble. One of starting may have gone by the next time; one of planning is of these values. */
  refused(): void {
    if (!this.#starting) this.#planned = false;
    this.#enable();
  }

  starting(): void {
    this.#starting = true;
    this.#start.textContent = "Starting …";
    this.#enable();
  }

  /** What could be started before can be tried again, whether the person or the machine stopped it. */
  idle(): void {
    this.#starting = false;
    this.#start.textContent = "Start Pruning";
    this.#enable();
  }

  #enable(): void {
    this.#start.disabled = !this.#planned || this.#wrong || this.#starting;
    this.#save.disabled = this.#wrong;
  }
}
