/** The form's building blocks: a labelled field with a hint and a place for what is wrong with it. */
import { h, type Child } from "../charts/index.ts";

export interface Field {
  readonly element: HTMLElement;
  /** Null: nothing is wrong. */
  setTrouble(message: string | null): void;
  setHint(text: string): void;
}

let fields = 0;

/** @param body the controls; the first input in it is described by hint and trouble */
export function field(label: string, hint: string, ...body: readonly Child[]): Field {
  const id = `field-${++fields}`;
  const hintElement = h("p", { class: "form-hint", id: `${id}-hint` }, hint);
  const trouble = h("p", {
    class: "form-trouble",
    id: `${id}-trouble`,
    role: "alert",
    hidden: true,
  });
  const element = h(
    "fieldset",
    { class: "form-field", "aria-describedby": `${id}-hint ${id}-trouble` },
    h("legend", {}, label),
    ...body,
    trouble,
    hintElement,
  );
  hintElement.hidden = hint === "";
  return {
    element,
    setTrouble(message) {
      trouble.textContent = message ?? "";
      trouble.hidden = message === null;
      element.classList.toggle("form-wrong", message !== null);
    },
    setHint(text) {
      hintElement.textContent = text;
      hintElement.hidden = text === "";
    },
  };
}

export interface Option<V extends string> {
  readonly value: V;
  readonly label: string;
  readonly detail: string;
}

export interface Choice {
  readonly element: HTMLElement;
  /** A value that is none of the options chooses nothing. */
  set(value: string): void;
  /** On what is chosen. */
  focus(): void;
}

/** Radio buttons as cards: name, and what it means. */
export function cards<V extends string>(
  name: string,
  options: readonly Option<V>[],
  onChange: (value: V) => void,
): Choice {
  const inputs = options.map(({ value }) => {
    const input = h("input", { type: "radio", name, value });
    input.addEventListener("change", () => {
      onChange(value);
    });
    return input;
  });
  const element = h(
    "div",
    { class: "form-cards" },
    ...options.map(({ label, detail }, i) =>
      h(
        "label",
        { class: "form-card" },
        ...inputs.slice(i, i + 1),
        h("span", { class: "form-card-name" }, label),
        h("span", { class: "form-card-detail" }, detail),
      ),
    ),
  );
  return {
    element,
    set(value) {
      for (const input of inputs) input.checked = input.value === value;
    },
    focus() {
      (inputs.find(({ checked }) => checked) ?? inputs[0])?.focus();
    },
  };
}

export interface Input {
  readonly element: HTMLInputElement;
  set(value: string): void;
}

/** @param onChange called while the person types */
export function textInput(
  label: string,
  placeholder: string,
  onChange: (value: string) => void,
): Input {
  const element = h("input", {
    type: "text",
    class: "panel-input",
    "aria-label": label,
    placeholder,
    spellcheck: "false",
  });
  element.addEventListener("input", () => {
    onChange(element.value);
  });
  return {
    element,
    set(value) {
      // Not while the person types in it: the caret would jump.
      if (element.value !== value) element.value = value;
    },
  };
}

const MOST = 1_000_000;

export interface NumberOptions {
  readonly label: string;
  readonly placeholder: string;
  /** Nothing may be given, which is null. */
  readonly optional?: boolean;
  readonly onChange: (value: number | null) => void;
  /** What is there is no such number, and why; null: it is one again. */
  readonly onWrong: (why: string | null) => void;
}

/** A whole number from 1; what is none is not taken, and said. */
export function numberInput({
  label,
  placeholder,
  optional = false,
  onChange,
  onWrong,
}: NumberOptions): Input {
  const judge = (wrong: boolean): void => {
    input.element.setAttribute("aria-invalid", String(wrong));
    const nothing = optional ? ", or nothing" : "";
    onWrong(
      wrong
        ? `${label}: give a whole number from 1 to ${MOST.toLocaleString("en")}${nothing}.`
        : null,
    );
  };
  const input = textInput(label, placeholder, (typed) => {
    const text = typed.trim();
    const value = Number(text);
    const good = Number.isInteger(value) && value >= 1 && value <= MOST;
    judge(text === "" ? !optional : !good);
    if (text === "" && optional) onChange(null);
    else if (good) onChange(value);
  });
  input.element.inputMode = "numeric";
  input.element.classList.add("form-number");
  return {
    element: input.element,
    set(value) {
      input.set(value);
      judge(false);
    },
  };
}

export function select<V extends string>(
  label: string,
  options: readonly { readonly value: V; readonly label: string }[],
  onChange: (value: V) => void,
): HTMLSelectElement {
  const element = h("select", { class: "page-select", "aria-label": label });
  fillSelect(element, options);
  element.addEventListener("change", () => {
    const chosen = options.find(({ value }) => value === element.value);
    if (chosen) onChange(chosen.value);
  });
  return element;
}

export function fillSelect(
  element: HTMLSelectElement,
  options: readonly {
    readonly value: string;
    readonly label: string;
    readonly disabled?: boolean;
  }[],
): void {
  const chosen = element.value;
  element.replaceChildren(
    ...options.map(({ value, label, disabled }) => h("option", { value, disabled }, label)),
  );
  if (chosen !== "") element.value = chosen;
}

export const labelled = (label: string, control: HTMLElement): HTMLElement =>
  h("label", { class: "form-labelled" }, h("span", {}, label), control);
