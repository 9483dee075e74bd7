/** What the tests need of a VS Code, wherever its workbench lives. */
import type { Page } from "playwright-core";

export interface Place {
  /** Holds `workspace`, which is opened, `user` (settings) and `extensions`. */
  readonly folder: string;
  /** Whether VS Code asks if the workspace is trusted. */
  readonly asksForTrust: boolean;
  /** Of the window, where the edition can choose it. */
  readonly size: { readonly width: number; readonly height: number };
}

export interface HostRun {
  /** Exit code of the suite. */
  readonly code: number;
  readonly output: string;
}

export interface Edition {
  /** Settings without which the tests cannot reach something here. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Reloading the page is no reload of the window everywhere. */
  readonly reloads: "page" | "command";
  /** @param vsix file of an extension to install; before {@link start} */
  install(vsix: string): Promise<void>;
  /** Gets ready to open windows. */
  start(): Promise<void>;
  /** The window with the workspace: opened, or loaded again where it is open. */
  open(): Promise<Page>;
  /** What runs in the background goes on. */
  closeWindow(): Promise<void>;
  /** Runs `run()` of the module `suite` in the extension host, with the extension at `extension` in development. */
  runInHost(extension: string, suite: string): Promise<HostRun>;
  close(): Promise<void>;
}

export const pathsIn = (folder: string) => ({
  workspace: `${folder}/workspace`,
  user: `${folder}/user`,
  extensions: `${folder}/extensions`,
});
