/**
 * A page as the editor shows it, in a browser: the host's own document with its policy, VS Code's variables and API,
 * and at the other end the host's own session, whose answers a test gives or a real daemon.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import type { Browser, Page } from "playwright-core";
import { CancellationTokenSource, type CancellationToken } from "vscode-jsonrpc";
import { documentOf } from "../../extension/panels/document.ts";
import { PageSession, type Answers } from "../../extension/panels/session.ts";
import type {
  AnswerAhead,
  HostMessage,
  MatrixId,
  PageMessage,
  RunSource,
} from "../../webview/messages.ts";
import type { Theme } from "./themes.ts";

/** Tests and benchmarks run in the root, wherever they are bundled to. */
const DIST = path.resolve("dist/webview");
const ORIGIN = "http://panel.test";

export interface PanelOptions {
  /** Name of the bundle. */
  readonly view: string;
  readonly answers: Answers<CancellationToken>;
  readonly theme: Theme;
  readonly title?: string;
  readonly at?: MatrixId | null;
  readonly tensor?: string;
  readonly source?: RunSource | null;
  /** Answers that come with the first message. */
  readonly ahead?: readonly AnswerAhead[];
  /** What the page kept. */
  readonly state?: unknown;
  readonly width?: number;
  readonly height?: number;
}

export interface Panel extends AsyncDisposable {
  readonly page: Page;
  /** Everything the page posted besides requests. */
  readonly acts: PageMessage[];
  /** What was wrong: console messages, errors, refused requests, messages that are none. */
  readonly noise: string[];
  readonly post: (message: HostMessage) => Promise<void>;
  /** What the page keeps now. */
  readonly state: () => Promise<unknown>;
}

export async function openPanel(browser: Browser, options: PanelOptions): Promise<Panel> {
  const { view, theme, title = view, width = 1280, height = 900 } = options;
  const context = await browser.newContext({ viewport: { width, height } });
  const page = await context.newPage();
  const noise: string[] = [];
  const acts: PageMessage[] = [];
  page.on("console", (message) => noise.push(message.text()));
  page.on("pageerror", (error) => noise.push(error.stack ?? error.message));
  const html = documentOf({
    script: `${ORIGIN}/${view}.js`,
    style: `${ORIGIN}/${view}.css`,
    title,
    nonce: "c0ffee",
  });
  await page.route("**/*", async (route) => {
    const name = new URL(route.request().url()).pathname.slice(1);
    if (name === "") await route.fulfill({ contentType: "text/html", body: html });
    else if (name === `${view}.js`) {
      await route.fulfill({
        contentType: "text/javascript",
        body: readFileSync(path.join(DIST, name)),
      });
    } else if (name === `${view}.css`) {
      await route.fulfill({ contentType: "text/css", body: readFileSync(path.join(DIST, name)) });
    } else {
      if (name !== "favicon.ico") noise.push(`request: ${route.request().url()}`);
      await route.abort();
    }
  });

  const post = async (message: HostMessage): Promise<void> => {
    // Over the wire of the editor everything is JSON.
    const text = JSON.stringify(message);
    await page
      .evaluate((data) => {
        window.postMessage(JSON.parse(data), "*");
      }, text)
      .catch(() => undefined);
  };
  const session = new PageSession<CancellationToken>({
    answers: options.answers,
    post: (message) => void post(message),
    act(message) {
      acts.push(message);
      if (message.type !== "ready") return;
      const { at = null, tensor, source = null, ahead } = options;
      void post({ type: "show", title, at, tensor, source, ahead });
    },
    cancellation() {
      const source = new CancellationTokenSource();
      return {
        token: source.token,
        cancel: () => {
          source.cancel();
        },
      };
    },
    complain: (text) => noise.push(text),
  });
  await page.exposeFunction("toHost", (text: string) => {
    session.receive(JSON.parse(text));
  });
  await page.addInitScript(
    ({ variables, bodyClass, kept }) => {
      // This runs before there is a document; as soon as there is a body it is themed, before the page's script.
      new MutationObserver((_, observer) => {
        if (!document.contains(document.querySelector("body"))) return;
        observer.disconnect();
        document.body.classList.add(bodyClass);
        for (const [name, value] of Object.entries(variables)) {
          document.documentElement.style.setProperty(name, value);
        }
      }).observe(document, { childList: true, subtree: true });
      let state: unknown = kept === undefined ? undefined : JSON.parse(kept);
      const openRequests = new Set<unknown>();
      window.addEventListener(
        "message",
        ({ data }: MessageEvent<{ type: string; id?: number }>) => {
          if (data.type === "answer" || data.type === "failure") openRequests.delete(data.id);
        },
      );
      Object.assign(window, {
        openRequests,
        acquireVsCodeApi: () => ({
          postMessage: (message: { type: string; id?: number }) => {
            if (message.type === "request") openRequests.add(message.id);
            if (message.type === "cancel") openRequests.delete(message.id);
            const { toHost } = window as unknown as { toHost: (text: string) => void };
            toHost(JSON.stringify(message));
          },
          getState: () => state,
          setState: (next: unknown) => {
            state = next;
            Object.assign(window, { keptState: next });
          },
        }),
      });
    },
    {
      variables: theme.variables,
      bodyClass: theme.bodyClass,
      kept: options.state === undefined ? undefined : JSON.stringify(options.state),
    },
  );
  await page.goto(ORIGIN);
  return {
    page,
    acts,
    noise,
    post,
    state: () => page.evaluate(() => (window as unknown as { keptState: unknown }).keptState),
    async [Symbol.asyncDispose]() {
      session.dispose();
      await context.close();
    },
  };
}

/** Until all that was asked for is answered, and nothing has come and been drawn for a moment. */
export async function quiet(page: Page): Promise<void> {
  await page.evaluate(
    () =>
      new Promise<void>((resolve) => {
        const { openRequests } = window as unknown as { openRequests: Set<unknown> };
        let timer = 0;
        const rest = (): void => {
          clearTimeout(timer);
          timer = window.setTimeout(() => {
            if (openRequests.size === 0) resolve();
            else rest();
          }, 250);
        };
        window.addEventListener("message", rest);
        rest();
      }),
  );
}
