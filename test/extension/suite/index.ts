/**
 * The tests that run inside VS Code's extension host, by Mocha: `run` is what VS Code calls. The workspace is one that
 * `test/extension/material.ts` has made.
 */
import Mocha from "mocha";

export async function run(): Promise<void> {
  const mocha = new Mocha({ ui: "bdd", timeout: 240_000, color: false, reporter: "spec" });
  // Defines describe and it, which the files below call while they are loaded.
  mocha.suite.emit("pre-require", globalThis, "suite", mocha);
  await import("./activation.ts");
  await import("./language.ts");
  await import("./editors.ts");
  await import("./runs.ts");
  await new Promise<void>((resolve, reject) => {
    mocha.run((failures) => {
      if (failures === 0) resolve();
      else reject(new Error(`${failures} of the tests in the extension host failed`));
    });
  });
}
