/**
 * Stands for desktop VS Code where that cannot be had: takes the command line that `desktop.ts` gives it, and shows
 * code-server in a Chromium that listens on the debugging port. All but Electron itself is as on a desktop.
 */
import { spawn } from "node:child_process";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { endProcess } from "../../daemon/harness.ts";
import { chromiumArguments, chromiumPath } from "../../webview/browser.ts";
import { CodeServer } from "./codeServer.ts";

const text = { type: "string" } as const;
const { values } = parseArgs({
  // Flags that only a desktop has are passed over.
  strict: false,
  allowPositionals: true,
  options: {
    "user-data-dir": text,
    "remote-debugging-port": text,
    "install-extension": text,
    extensionDevelopmentPath: text,
    extensionTestsPath: text,
  },
});
const given = (name: string): string | null => {
  const value = values[name];
  return typeof value === "string" ? value : null;
};

const folder = dirname(given("user-data-dir") ?? "");
const size = { width: 1400, height: 900 };
const server = new CodeServer({
  folder,
  size,
  asksForTrust: values["disable-workspace-trust"] !== true,
});
const vsix = given("install-extension");
const suite = given("extensionTestsPath");
const port = given("remote-debugging-port");
if (vsix !== null) {
  await server.install(vsix);
} else {
  await server.start();
  if (suite !== null) {
    const { code, output } = await server.runInHost(given("extensionDevelopmentPath") ?? "", suite);
    console.log(output);
    await server.close();
    process.exit(code);
  }
  const browser = spawn(
    await chromiumPath(),
    [
      ...chromiumArguments,
      "--headless",
      `--user-data-dir=${folder}/chromium`,
      `--window-size=${size.width},${size.height}`,
      ...(port === null ? [] : [`--remote-debugging-port=${port}`]),
      server.url(),
    ],
    { stdio: "inherit" },
  );
  process.once("SIGTERM", () => {
    void (async () => {
      if (browser.pid !== undefined) await endProcess(browser.pid, "SIGTERM");
      await server.close();
      process.exit(0);
    })();
  });
}
