/** Buttons of the panels. */
import { h } from "../charts/index.ts";

export interface ButtonOptions {
  readonly label: string;
  /** Said instead of the label, where that is a sign. */
  readonly name?: string;
  readonly primary?: boolean;
  readonly onClick: () => void;
}

export function button({ label, name, primary, onClick }: ButtonOptions): HTMLButtonElement {
  const sign = name !== undefined;
  const element = h(
    "button",
    {
      type: "button",
      class: `page-button${primary === true ? " panel-primary" : ""}${sign ? " panel-icon" : ""}`,
      "aria-label": name,
      title: name,
    },
    label,
  );
  element.addEventListener("click", onClick);
  return element;
}
