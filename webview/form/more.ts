/** Options that few need to change. */
import { h } from "../charts/index.ts";
import { type Input, labelled, numberInput, select } from "./controls.ts";
import type { FormValues } from "./messages.ts";

export interface MoreOptions {
  readonly element: HTMLElement;
  show(values: FormValues): void;
}

/** @param onWrong whether something is filled in that cannot be taken; it is told here, under the controls */
export function moreOptions(
  onChange: (change: Partial<FormValues>) => void,
  onWrong: (wrong: boolean) => void,
): MoreOptions {
  const objective = select(
    "Objective",
    [
      { value: "pruned-mass", label: "pruned mass: knows the pattern" },
      { value: "entropy", label: "entropy: the paper's" },
    ],
    (value) => {
      onChange({ objective: value });
    },
  );
  const profile = select(
    "Sparsity of the layers",
    [
      { value: "uniform", label: "the same in all" },
      { value: "owl", label: "OWL: outlier layers keep more" },
    ],
    (value) => {
      onChange({ sparsityProfile: value });
    },
  );
  const wrong = new Map<string, string>();
  const trouble = h("p", { class: "form-trouble", role: "alert", hidden: true });
  const number = (
    label: string,
    placeholder: string,
    optional: boolean,
    change: (value: number | null) => void,
  ): Input =>
    numberInput({
      ...{ label, placeholder, optional },
      onChange: change,
      onWrong: (why) => {
        const before = wrong.get(label) ?? null;
        if (why === before) return;
        if (why === null) wrong.delete(label);
        else wrong.set(label, why);
        trouble.textContent = [...wrong.values()].join(" ");
        trouble.hidden = wrong.size === 0;
        onWrong(wrong.size > 0);
      },
    });
  const steps = number("Steps of the rotation", "200", false, (value) => {
    if (value !== null) onChange({ steps: value });
  });
  const samples = number("Calibration windows", "128", false, (value) => {
    if (value !== null) onChange({ samples: value });
  });
  const seqLen = number("Tokens in a window", "2048, or the model's context", true, (value) => {
    onChange({ seqLen: value });
  });
  return {
    element: h(
      "details",
      { class: "form-more" },
      h("summary", {}, "More options"),
      h(
        "div",
        { class: "form-grid" },
        labelled("Objective of the rotation", objective),
        labelled("Steps of the rotation", steps.element),
        labelled("Calibration windows", samples.element),
        labelled("Tokens in a window", seqLen.element),
        labelled("Sparsity of the layers (not for N:M)", profile),
      ),
      trouble,
      h("p", { class: "form-hint" }, "All other options are in a recipe: save one and edit it."),
    ),
    show(values) {
      const share = !/^\d+:\d+$/.test(values.sparsity);
      const rotates = values.rotation !== "none";
      objective.value = values.objective;
      objective.disabled = !rotates;
      steps.set(String(values.steps));
      steps.element.disabled = !rotates;
      samples.set(String(values.samples));
      seqLen.set(values.seqLen === null ? "" : String(values.seqLen));
      profile.value = values.sparsityProfile;
      profile.disabled = !share;
    },
  };
}
