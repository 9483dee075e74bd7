/** The form itself: controls, their values, and what the host says of them. */
import { h } from "../charts/index.ts";
import { button } from "../controls/index.ts";
import { EFFORT_CARDS, METHODS, PATTERNS, ROTATIONS } from "./choices.ts";
import { cards, field, textInput } from "./controls.ts";
import { deviceField } from "./device.ts";
import { Ending } from "./ending.ts";
import { estimatePanel } from "./estimate.ts";
import { formFields } from "./fields.ts";
import { fileList } from "./files.ts";
import {
  EFFORTS,
  type FormMessage,
  type FormState,
  type FormValues,
  type HostMessage,
  type Trouble,
} from "./messages.ts";
import { moreOptions } from "./more.ts";
import { calibrationWords, checkpointName, effortOf } from "./words.ts";

export interface Door {
  post(message: FormMessage): void;
  /** Over a reload of the window. */
  keep(state: FormState): void;
}

export class FormView {
  readonly element: HTMLElement;
  #checkpoint = "";
  #foundCalibration: string | null = null;
  #values: FormValues | null = null;

  readonly #title = h("h1", {}, "Prune");
  readonly #path = h("p", { class: "form-hint form-path" });
  readonly #method = cards("method", METHODS, (method) => {
    this.#change({ method });
  });
  readonly #pattern = cards("sparsity", PATTERNS, (sparsity) => {
    this.#change({ sparsity });
  });
  readonly #otherPattern = textInput("Another pattern", "1:4, 60%", (sparsity) => {
    if (sparsity.trim() !== "") this.#change({ sparsity: sparsity.trim() });
  });
  readonly #rotation = cards("rotation", ROTATIONS, (rotation) => {
    this.#change({ rotation });
  });
  readonly #effort = cards("effort", EFFORT_CARDS, (effort) => {
    this.#change(EFFORTS[effort]);
  });
  readonly #calibration = fileList(
    this.#browse("calibration", "Choose calibration text"),
    (path) => {
      this.#change({ calibration: this.#without("calibration", path) });
    },
  );
  readonly #evaluation = fileList(this.#browse("evaluation", "Choose evaluation text"), (path) => {
    this.#change({ evaluation: this.#without("evaluation", path) });
  });
  readonly #out = textInput("Output folder", "", (out) => {
    this.#change({ out: out.trim() === "" ? null : out });
  });
  readonly #device = deviceField(
    () => {
      this.door.post({ type: "devices" });
    },
    (device) => {
      this.#change({ device });
    },
  );
  readonly #more = moreOptions(
    (change) => {
      this.#change(change);
    },
    (wrong) => {
      this.#ending.wrong(wrong);
    },
  );
  readonly #estimate = estimatePanel();
  readonly #ending = new Ending(() => {
    this.#submit("save");
  });

  readonly #fields = formFields({
    sparsity: [
      this.#pattern.element,
      h("div", { class: "form-row" }, h("span", {}, "or"), this.#otherPattern.element),
    ],
    rotation: [this.#rotation.element],
    calibration: [this.#calibration.element],
    evaluation: [this.#evaluation.element],
    out: [h("div", { class: "form-row" }, this.#out.element, this.#browseButton())],
    device: [this.#device.element],
  });

  constructor(private readonly door: Door) {
    const { sparsity, rotation, calibration, evaluation, out, device } = this.#fields;
    this.element = h(
      "form",
      { class: "form", novalidate: true },
      h("header", { class: "form-header" }, this.#title, this.#path),
      h(
        "div",
        { class: "form-fields" },
        field("Method", "", this.#method.element).element,
        sparsity.element,
        rotation.element,
        field("Effort", "", this.#effort.element).element,
        calibration.element,
        out.element,
        device.element,
        evaluation.element,
        this.#more.element,
      ),
      h("aside", { class: "form-aside" }, this.#estimate.element, this.#ending.element),
    );
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit("start");
    });
  }

  receive(message: HostMessage): void {
    switch (message.type) {
      case "show":
        this.#checkpoint = message.checkpoint;
        this.#foundCalibration = message.foundCalibration;
        this.#values = message.values;
        this.#show();
        this.#keep();
        // Who agrees with the defaults needs one key more.
        this.#method.focus();
        return;
      case "out":
        this.#out.element.placeholder = message.out;
        return;
      case "devices":
        this.#device.list(message.devices);
        return;
      case "picked": {
        const [first] = message.paths;
        if (message.field === "out") this.#change({ out: first ?? null });
        else if (message.field === "calibration") this.#change({ calibration: message.paths });
        else this.#change({ evaluation: message.paths });
        return;
      }
      case "estimating":
        this.#estimate.busy();
        return;
      case "estimate":
        this.#blame(message.estimate.shortages[0] ?? null);
        this.#estimate.show(message.estimate);
        this.#ending.planned(message.estimate.shortages.length === 0);
        return;
      case "trouble":
        this.#blame(message.trouble);
        this.#estimate.refuse(message.trouble);
        this.#ending.refused();
        return;
      case "idle":
        this.#ending.idle();
        return;
      default:
        message satisfies never;
    }
  }

  #change(change: Partial<FormValues>): void {
    if (!this.#values) return;
    this.#values = { ...this.#values, ...change };
    this.#ending.planned(false);
    this.#show();
    this.#keep();
    this.door.post({ type: "change", values: this.#values });
  }

  #show(): void {
    const values = this.#values;
    if (!values) return;
    this.#title.textContent = `Prune ${checkpointName(this.#checkpoint)}`;
    this.#path.textContent = this.#checkpoint;
    this.#method.set(values.method);
    this.#pattern.set(values.sparsity);
    const isCard = PATTERNS.some(({ value }) => value === values.sparsity);
    this.#otherPattern.set(isCard ? "" : values.sparsity);
    this.#rotation.set(values.rotation);
    this.#effort.set(effortOf(values) ?? "");
    this.#calibration.show(values.calibration, calibrationWords(values, this.#foundCalibration));
    this.#evaluation.show(values.evaluation, "No text: perplexity is not measured.");
    this.#out.set(values.out ?? "");
    this.#device.set(values.device);
    this.#more.show(values);
  }

  #blame(trouble: Trouble | null): void {
    for (const [name, one] of Object.entries(this.#fields)) {
      one.setTrouble(trouble?.field === name ? trouble.message : null);
    }
  }

  #keep(): void {
    if (this.#values) this.door.keep({ checkpoint: this.#checkpoint, values: this.#values });
  }

  #submit(type: "start" | "save"): void {
    const values = this.#values;
    if (values === null || !this.#ending.can(type)) return;
    if (type === "start") this.#ending.starting();
    this.door.post({ type, values });
  }

  #without(name: "calibration" | "evaluation", path: string): string[] {
    return this.#values?.[name].filter((one) => one !== path) ?? [];
  }

  #browse(name: "calibration" | "evaluation", label: string) {
    return {
      name: label,
      onClick: () => {
        this.door.post({ type: "browse", field: name });
      },
    };
  }

  #browseButton(): HTMLButtonElement {
    const element = button({
      label: "Browse…",
      onClick: () => {
        this.door.post({ type: "browse", field: "out" });
      },
    });
    element.setAttribute("aria-label", "Choose the folder for the output");
    return element;
  }
}
