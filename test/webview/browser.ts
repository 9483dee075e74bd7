/** A headless Chromium for the page tests, or the reason why there is none. */
import { existsSync } from "node:fs";
import sparticuz from "@sparticuz/chromium";
import { type Browser, chromium } from "playwright-core";

export type Launched =
  { readonly browser: Browser } | { readonly browser?: undefined; readonly reason: string };

const SYSTEM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export const chromiumArguments = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars"];

/** The system's browser if there is one, else the one inside `@sparticuz/chromium`. */
export async function chromiumPath(): Promise<string> {
  return SYSTEM.find((path) => existsSync(path)) ?? sparticuz.executablePath();
}

export async function launch(): Promise<Launched> {
  try {
    const executablePath = await chromiumPath();
    const args = chromiumArguments;
    return { browser: await chromium.launch({ executablePath, args, headless: true }) };
  } catch (error) {
    const what = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
    return { reason: `no headless Chromium here: ${what}` };
  }
}
