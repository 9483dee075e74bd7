/** The buttons that save, in a browser. */
import { build } from "esbuild";
import { afterAll, expect, test } from "vitest";
import { launch } from "./browser.ts";

const launched = await launch();
const { browser } = launched;
const missing = browser === undefined ? `, skipped: ${launched.reason}` : "";
afterAll(() => browser?.close());

test.skipIf(missing !== "")(`a picture that cannot be made says why${missing}`, async () => {
  const { outputFiles } = await build({
    stdin: {
      contents: `
        import { saveButtons } from "./webview/panels/saving.ts";
        HTMLImageElement.prototype.decode = () => Promise.reject(new Error("no memory"));
        const bridge = { post: () => undefined };
        document.body.append(saveButtons(bridge, { name: () => "x", parts: () => [], csv: () => "" }));`,
      resolveDir: ".",
      loader: "ts",
    },
    bundle: true,
    write: false,
    format: "iife",
    logLevel: "error",
  });
  const page = await browser?.newPage();
  await page?.setContent("<body></body>");
  await page?.addScriptTag({ content: outputFiles[0]?.text ?? "" });
  await page?.getByRole("button", { name: "PNG" }).click();
  await expect
    .poll(() => page?.getByRole("alert").textContent())
    .toBe("The picture could not be made: no memory");
});
