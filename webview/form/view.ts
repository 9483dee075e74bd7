/** The form itself: controls, their values, and what the host says of them. */
import { h } from "../charts/index.ts";
import { button } from "../controls/index.ts";
import { cards, field, textInput, type Field } from "./controls.ts";
import { deviceField } from "./device.ts";
import { estimatePanel } from "./estimate.ts";
import { fileList } from "./files.ts";
import {
  EFFORTS,
  type Effort,
  type FormMessage,
  type FormState,
  type FormValues,
  type HostMessage,
  type Trouble,
} from "./messages.ts";
import { moreOptions } from "./more.ts";

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
  /** A control holds what is no value: the others are as planned, but not what the person sees. */
  #wrong = false;
  /** These values have been planned, and can be. */
  #planned = false;
  /** Until the host answers, so that one impatient double click does not start two runs. */
  #starting = false;

  readonly #title = h("h1", {}, "Prune");
  readonly #path = h("p", { class: "form-hint form-path" });
  readonly #method = cards(
    "method",
    [
      {
        value: "sparsegpt",
        label: "SparseGPT",
        detail: "Corrects the weights that stay. Best quality.",
      },
      {
        value: "wanda",
        label: "Wanda",
        detail: "Weights times activations. Faster, no correction.",
      },
      {
        value: "magnitude",
        label: "Magnitude",
        detail: "Smallest weights go. Needs no text, loses most.",
      },
    ],
    (method) => {
      this.#change({ method });
    },
  );
  readonly #pattern = cards(
    "sparsity",
    [
      { value: "2:4", label: "2:4", detail: "Keeps 2 of every 4. GPUs can run it faster." },
      { value: "4:8", label: "4:8", detail: "Keeps 4 of every 8." },
      { value: "50%", label: "50 %", detail: "Wherever it hurts least. Better quality." },
    ],
    (sparsity) => {
      this.#change({ sparsity });
    },
  );
  readonly #otherPattern = textInput("Another pattern", "1:4, 60%", (sparsity) => {
    if (sparsity.trim() !== "") this.#change({ sparsity: sparsity.trim() });
  });
  readonly #rotation = cards(
    "rotation",
    [
      {
        value: "layer",
        label: "Each layer",
        detail: "Best quality; adds 6.5 % parameters at 8B.",
      },
      {
        value: "global",
        label: "One for all",
        detail: "Output stays a plain checkpoint for every engine.",
      },
      { value: "none", label: "None", detail: "Plain pruning, for comparing." },
    ],
    (rotation) => {
      this.#change({ rotation });
    },
  );
  readonly #effort = cards<Effort>(
    "effort",
    [
      { value: "fast", label: "Fast", detail: "50 steps, 32 windows. To try things." },
      { value: "balanced", label: "Balanced", detail: "200 steps, 128 windows." },
      { value: "thorough", label: "Thorough", detail: "600 steps. Pays off at 2:4." },
    ],
    (effort) => {
      this.#change(EFFORTS[effort]);
    },
  );
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
      this.#wrong = wrong;
      this.#enable();
    },
  );
  readonly #estimate = estimatePanel();
  readonly #start = button({
    label: "Start Pruning",
    primary: true,
    onClick: () => {
      this.#submit("start");
    },
  });
  readonly #save = button({
    label: "Save as Recipe…",
    onClick: () => {
      this.#submit("save");
    },
  });

  readonly #fields: Readonly<Record<NonNullable<Trouble["field"]>, Field>> = {
    sparsity: field(
      "Pattern",
      "Pruned weights are stored as zeros: the output is as large as the input.",
      this.#pattern.element,
      h("div", { class: "form-row" }, h("span", {}, "or"), this.#otherPattern.element),
    ),
    rotation: field(
      "Rotation",
      "Learned rotations gather importance onto few weights before the others are deleted.",
      this.#rotation.element,
    ),
    calibration: field(
      "Calibration text",
      "Like what the model was trained on: plain text, JSONL or Parquet.",
      this.#calibration.element,
    ),
    evaluation: field(
      "Measure perplexity on",
      "Dense, pruned without rotation, and the result, on the same windows. Not the calibration text.",
      this.#evaluation.element,
    ),
    out: field(
      "Output folder",
      "",
      h("div", { class: "form-row" }, this.#out.element, this.#browseButton()),
    ),
    device: field("Device", "", this.#device.element),
  };

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
      h(
        "aside",
        { class: "form-aside" },
        this.#estimate.element,
        h("div", { class: "form-actions" }, this.#start, this.#save),
      ),
    );
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit("start");
    });
    this.#enable();
  }

  receive(message: HostMessage): void {
    switch (message.type) {
      case "show":
        this.#checkpoint = message.checkpoint;
        this.#foundCalibration = message.foundCalibration;
        this.#values = message.values;
        this.#show();
        this.#keep();
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
        this.#blame(null);
        this.#estimate.show(message.estimate);
        this.#planned = true;
        this.#enable();
        return;
      case "trouble":
        this.#blame(message.trouble);
        this.#estimate.refuse(message.trouble);
        // One of starting may have gone by the next time; one of planning is of these values.
        if (!this.#starting) this.#planned = false;
        this.#enable();
        return;
      case "idle":
        this.#start.textContent = "Start Pruning";
        // What could be started before can be tried again, whether the person or the machine stopped it.
        this.#starting = false;
        this.#enable();
        return;
      default:
        message satisfies never;
    }
  }

  #change(change: Partial<FormValues>): void {
    if (!this.#values) return;
    this.#values = { ...this.#values, ...change };
    this.#planned = false;
    this.#enable();
    this.#show();
    this.#keep();
    this.door.post({ type: "change", values: this.#values });
  }

  #show(): void {
    const values = this.#values;
    if (!values) return;
    const parts = this.#checkpoint.split(/[\\/]/);
    const isFile = /\.(json|safetensors)$/.test(this.#checkpoint);
    this.#title.textContent = `Prune ${parts.at(isFile ? -2 : -1) ?? ""}`;
    this.#path.textContent = this.#checkpoint;
    this.#method.set(values.method);
    this.#pattern.set(values.sparsity);
    if (["2:4", "4:8", "50%"].includes(values.sparsity)) this.#otherPattern.set("");
    else this.#otherPattern.set(values.sparsity);
    this.#rotation.set(values.rotation);
    this.#effort.set(effortOf(values) ?? "");
    this.#calibration.show(values.calibration, this.#calibrationWords(values));
    this.#evaluation.show(values.evaluation, "No text: perplexity is not measured.");
    this.#out.set(values.out ?? "");
    this.#device.set(values.device);
    this.#more.show(values);
  }

  #calibrationWords({ method }: FormValues): string {
    if (method === "magnitude") return "Magnitude needs none; the rotation uses none either.";
    if (this.#foundCalibration === null) return "None beside the weights: choose a file.";
    return `${this.#foundCalibration.split(/[\\/]/).at(-1) ?? ""}, beside the weights`;
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
    if (!this.#values || this.#wrong || (type === "start" && this.#start.disabled)) return;
    if (type === "start") {
      this.#starting = true;
      this.#enable();
      this.#start.textContent = "Starting …";
    }
    this.door.post({ type, values: this.#values });
  }

  #enable(): void {
    this.#start.disabled = !this.#planned || this.#wrong || this.#starting;
    this.#save.disabled = this.#wrong;
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

const effortOf = ({ steps, samples }: FormValues): Effort | undefined => {
  const names: readonly Effort[] = ["fast", "balanced", "thorough"];
  return names.find((name) => EFFORTS[name].steps === steps && EFFORTS[name].samples === samples);
};
