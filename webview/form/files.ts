/** A list of files that a person chooses with the workbench's dialog. */
import { h } from "../charts/index.ts";
import { button } from "../controls/index.ts";

export interface FileList {
  readonly element: HTMLElement;
  /** @param otherwise said where the list is empty */
  show(paths: readonly string[], otherwise: string): void;
}

export function fileList(
  browse: { readonly name: string; readonly onClick: () => void },
  onRemove: (path: string) => void,
): FileList {
  const list = h("ul", { class: "form-files" });
  const choose = button({ label: "Browse…", onClick: browse.onClick });
  choose.setAttribute("aria-label", browse.name);
  return {
    element: h("div", { class: "form-row" }, list, choose),
    show(paths, otherwise) {
      list.replaceChildren(
        ...paths.map((path) =>
          h(
            "li",
            { title: path },
            h("span", { class: "form-path" }, path),
            button({
              label: "✕",
              name: `Remove ${path}`,
              onClick: () => {
                onRemove(path);
              },
            }),
          ),
        ),
      );
      if (paths.length === 0) list.append(h("li", { class: "form-none" }, otherwise));
    },
  };
}
