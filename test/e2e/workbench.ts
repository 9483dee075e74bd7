/**
 * A real VS Code workbench with the extension in it, and a person in front: menus, commands, trees, pages. Which VS Code
 * it is, and where, is known to `editions/` alone.
 */
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FrameLocator, Locator, Page } from "playwright-core";
import { findDaemon } from "../../daemon/connect.ts";
import { endProcess } from "../daemon/harness.ts";
import { edition, noEdition, pathsIn, type Edition, type HostRun } from "./editions/index.ts";

/** Tests, benchmarks and screenshots are all started from there, wherever they are bundled to. */
export const root = process.cwd();

/** Why there is no workbench here; null where there is one. */
export const missing = (): string | null =>
  noEdition() ??
  (existsSync(join(root, "dist", "extension.cjs"))
    ? null
    : "the extension is not built: npm run build");

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
  /** Executable of a desktop VS Code; the one that the environment names, or code-server, by default. */
  readonly executable?: string;
}

/** How long anything on the screen may take, on a slow machine that is busy with another test. */
const PATIENCE_MS = 60_000;

/** Room for a sidebar and a page with three pictures. */
const SIZE = { width: 1400, height: 900 };

export class Workbench {
  readonly #edition: Edition;
  #page: Page | null = null;

  private constructor(
    /** Everything of this workbench: settings, extensions, workspace, the daemon's state. */
    readonly folder: string,
    private readonly options: WorkbenchOptions,
  ) {
    const { asksForTrust = false, size = SIZE, executable } = options;
    this.#edition = edition({ folder, asksForTrust, size }, executable);
  }

  /** Opened folder. */
  get workspace(): string {
    return pathsIn(this.folder).workspace;
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
    const workbench = new Workbench(folder, options);
    await workbench.#prepare();
    await workbench.#edition.start();
    return workbench;
  }

  /** Opens the workspace in a window, or in the same one again. */
  async open(): Promise<Page> {
    this.#page = await this.#edition.open();
    this.#page.setDefaultTimeout(PATIENCE_MS);
    await this.#page.locator(".monaco-workbench").waitFor();
    return this.#page;
  }

  /** See {@link Edition.runInHost}. */
  runInHost(extension: string, suite: string): Promise<HostRun> {
    return this.#edition.runInHost(extension, suite);
  }

  async reload(): Promise<void> {
    const { page } = this;
    if (this.#edition.reloads === "page") {
      await page.reload();
    } else {
      const left = page.waitForEvent("framenavigated", (frame) => frame === page.mainFrame());
      await this.command("Developer: Reload Window");
      await left;
    }
    await page.locator(".monaco-workbench").waitFor();
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
        .waitFor({ timeout: 500 + 100 * tries })
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
      const timeout = 1500 + 250 * tries;
      await this.page.keyboard.press("F1");
      // Whatever takes the focus closes the palette.
      const chosen = await this.page
        .locator(".quick-input-widget input[type=text]")
        .fill(`>${title}`, { timeout })
        .then(() => row.click({ timeout }))
        .then(() => true)
        .catch(() => false);
      if (chosen) return;
      await this.page.keyboard.press("Escape");
    }
    throw new Error(`there is no command ${title}`);
  }

  /** The document of the webview that shows what `selector` finds. */
  async frameWith(
    selector: string,
    timeout = PATIENCE_MS,
    lookEveryMs = 200,
  ): Promise<FrameLocator> {
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
  async notification(text: string | RegExp, timeout = PATIENCE_MS): Promise<Locator> {
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

  /** What runs in the background goes on. */
  async closeWindow(): Promise<void> {
    await this.#edition.closeWindow();
    this.#page = null;
  }

  async close(): Promise<void> {
    await this.#edition.close();
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
      ...this.#edition.settings,
      ...this.options.settings,
    });
    // The first is of the window, the second of the machine that it is connected to.
    for (const name of ["User", "Machine"]) {
      const folder = join(pathsIn(this.folder).user, name);
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, "settings.json"), all);
    }
  }

  async #prepare(): Promise<void> {
    const { theme = "dark", vsix, installed = true } = this.options;
    await mkdir(this.workspace, { recursive: true });
    await this.#writeSettings(theme);
    const { extensions } = pathsIn(this.folder);
    await mkdir(extensions, { recursive: true });
    if (!installed) return;
    if (vsix === undefined) {
      const { publisher, name, version } = JSON.parse(
        await readFile(join(root, "package.json"), "utf8"),
      ) as Record<string, string>;
      await symlink(root, join(extensions, `${publisher ?? ""}.${name ?? ""}-${version ?? ""}`));
    } else {
      await this.#edition.install(vsix);
    }
  }

  /** Copies files or folders into the workspace. */
  async put(name: string, from: string): Promise<string> {
    const to = join(this.workspace, name);
    await cp(from, to, { recursive: true });
    return to;
  }
}
