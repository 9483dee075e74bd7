/** The page of Prune with DenoiseRotator: what a person fills in goes to the host, which plans it. */
import { FormView } from "./view.ts";
import { hostMessage, type FormMessage } from "./messages.ts";

/** What VS Code gives a page, once. */
declare function acquireVsCodeApi(): {
  postMessage(message: FormMessage): void;
  setState(state: unknown): void;
};

const api = acquireVsCodeApi();
const view = new FormView({
  post: (message) => {
    api.postMessage(message);
  },
  keep: (state) => {
    api.setState(state);
  },
});
(document.querySelector("main") ?? document.body).append(view.element);

window.addEventListener("message", (event) => {
  const parsed = hostMessage.safeParse(event.data);
  if (parsed.success) view.receive(parsed.data);
});
api.postMessage({ type: "ready" });
