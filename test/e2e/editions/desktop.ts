/**
 * VS Code on the desktop: the executable that `npm run test:electron` names. Its window is reached through the
 * debugging port of its Chromium, as that of any browser is.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { resolveCliPathFromVSCodeExecutablePath } from "@vscode/test-electron";
import { chromium, type Browser, type Page } from "playwright-core";
import { endProcess } from "../../daemon/harness.ts";
import { pathsIn, type Edition, type HostRun, type Place } from "./edition.ts";
import { answers, freePort } from "./ports.ts";

export const DESKTOP_VARIABLE = "DENOISE_ROTATOR_VSCODE";

/** The executable that is asked for; null: none is, the tests run in code-server. */
export const desktopExecutable = (): string | null => process.env[DESKTOP_VARIABLE] ?? null;

/** Why it cannot be used; null where it can. */
export const noDesktop = (executable: string): string | null =>
  existsSync(executable)
    ? null
    : `${DESKTOP_VARIABLE} names ${executable}, and there is no such file`;

const QUIET = [
  "--disable-updates",
  "--disable-telemetry",
  "--disable-crash-reporter",
  "--skip-welcome",
  "--skip-release-notes",
  "--no-cached-data",
  "--use-inmemory-secretstorage",
  "--disable-gpu",
];

export class Desktop implements Edition {
  readonly settings = {
    // What the system draws cannot be seen from the page.
    "window.titleBarStyle": "custom",
    "window.menuStyle": "custom",
    "window.dialogStyle": "custom",
    "window.newWindowDimensions": "maximized",
    "window.restoreWindows": "none",
    "update.mode": "none",
  };
  readonly reloads = "command";
  #child: ChildProcess | null = null;
  #browser: Browser | null = null;

  constructor(
    private readonly place: Place,
    private readonly executable: string,
  ) {}

  async install(vsix: string): Promise<void> {
    const cli = resolveCliPathFromVSCodeExecutablePath(this.executable);
    const windows = process.platform === "win32";
    const child = spawn(
      windows ? `"${cli}"` : cli,
      [...this.#profile(), "--install-extension", vsix],
      // A script on Windows, which only a shell starts.
      { stdio: "inherit", shell: windows, env: environment() },
    );
    const code = await new Promise((resolve) => child.once("close", resolve));
    if (code !== 0) throw new Error(`${cli} --install-extension ended with ${String(code)}`);
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  async open(): Promise<Page> {
    await this.closeWindow();
    const port = await freePort();
    const child = this.#spawn([
      `--remote-debugging-port=${port}`,
      "--enable-smoke-test-driver",
      ...(this.place.asksForTrust ? [] : ["--disable-workspace-trust"]),
    ]);
    this.#child = child;
    const said = listen(child);
    const ended = () => (child.exitCode === null ? null : `code ${child.exitCode}\n${said()}`);
    const url = `http://127.0.0.1:${port}`;
    await answers(`${url}/json/version`, this.executable, ended);
    // Without Playwright's defaults: Electron has no downloads that it could redirect.
    this.#browser = await chromium.connectOverCDP(url, { noDefaults: true });
    return this.#window(this.#browser, ended);
  }

  async closeWindow(): Promise<void> {
    await this.#browser?.close();
    this.#browser = null;
    const pid = this.#child?.pid;
    this.#child = null;
    if (pid !== undefined) await endProcess(pid, "SIGTERM");
  }

  async runInHost(extension: string, suite: string): Promise<HostRun> {
    const child = this.#spawn([
      "--disable-workspace-trust",
      `--extensionDevelopmentPath=${extension}`,
      `--extensionTestsPath=${suite}`,
    ]);
    const output = listen(child);
    const code = await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (ended) => {
        resolve(ended ?? 1);
      });
    });
    return { code, output: output() };
  }

  close(): Promise<void> {
    return this.closeWindow();
  }

  #profile(): string[] {
    const { user, extensions } = pathsIn(this.place.folder);
    return [`--user-data-dir=${user}`, `--extensions-dir=${extensions}`];
  }

  #spawn(options: readonly string[]): ChildProcess {
    const sandbox = process.platform === "linux" ? ["--no-sandbox"] : [];
    const { workspace } = pathsIn(this.place.folder);
    const args = [workspace, ...this.#profile(), ...QUIET, ...sandbox, ...options];
    return spawn(this.executable, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: environment(),
    });
  }

  /** The one that shows a workbench: the debugging port also knows VS Code's hidden pages. */
  async #window(browser: Browser, ended: () => string | null): Promise<Page> {
    for (;;) {
      for (const page of browser.contexts().flatMap((context) => context.pages())) {
        const workbench = page.locator(".monaco-workbench");
        if ((await workbench.count().catch(() => 0)) > 0) return page;
      }
      const why = ended();
      if (why !== null) throw new Error(`${this.executable} ended: ${why}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

/** Without what the VS Code would say in whose terminal the tests may have been started. */
function environment(): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(
    ([name]) => !/^(VSCODE_|ELECTRON_|NODE_OPTIONS$|VITEST)/.test(name),
  );
  return Object.fromEntries(others);
}

function listen(child: ChildProcess): () => string {
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (some: string) => {
      text += some;
    });
  }
  return () => text;
}
