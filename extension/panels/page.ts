/** A webview with a session at its end. */
import { CancellationTokenSource, type CancellationToken, type Webview } from "vscode";
import type { HostMessage, PageMessage } from "../../webview/messages.ts";
import type { Disposable } from "../disposable.ts";
import { PageSession, type Answers } from "./session.ts";

export interface ConnectedPage extends Disposable {
  readonly post: (message: HostMessage) => void;
}

/** @param act takes everything but requests */
export function connectPage(
  webview: Webview,
  answers: Answers<CancellationToken>,
  act: (message: Exclude<PageMessage, { type: "request" | "cancel" }>) => void,
): ConnectedPage {
  const post = (message: HostMessage): void => void webview.postMessage(message);
  const session = new PageSession<CancellationToken>({
    answers,
    post,
    act,
    cancellation() {
      const source = new CancellationTokenSource();
      return {
        token: source.token,
        cancel: () => {
          source.cancel();
        },
      };
    },
    complain: (text) => {
      console.error(`DenoiseRotator: ${text}`);
    },
  });
  const listening = webview.onDidReceiveMessage((data: unknown) => {
    session.receive(data);
  });
  return {
    post,
    dispose() {
      listening.dispose();
      session.dispose();
    },
  };
}
