/**
 * From a person's click to the picture, by the browser's own clock. It starts with the time stamp of the click event
 * and stops after the frame in which a visible canvas of the matrix view has pixels other than those of before the
 * click: driving the browser, looking for frames and waiting between looks are not in the figure.
 */
import type { Page } from "playwright-core";

const MARK = "paint-clock ";

interface Mark {
  readonly what: "click" | "paint";
  /** ms since the epoch, with fractions. */
  readonly at: number;
}

/** @param page is loaded anew by the caller after this: the clock is built into documents as they are made */
export async function paintClock(
  page: Page,
): Promise<(click: () => Promise<void>) => Promise<number>> {
  const marks: Mark[] = [];
  page.on("console", (message) => {
    const text = message.text();
    if (text.startsWith(MARK)) marks.push(JSON.parse(text.slice(MARK.length)) as Mark);
  });
  await page.addInitScript(inEveryFrame, MARK);
  return async (click) => {
    marks.length = 0;
    await click();
    for (let looks = 0; looks < 1000; looks++) {
      const clicked = marks.find(({ what }) => what === "click");
      const painted = marks.find(({ what, at }) => what === "paint" && at > (clicked?.at ?? NaN));
      if (clicked !== undefined && painted !== undefined) return painted.at - clicked.at;
      await page.waitForTimeout(20);
    }
    throw new Error("no picture came after the click");
  };
}

/** Runs in the browser: in the workbench's document, and in the frame that VS Code puts around each webview. */
function inEveryFrame(prefix: string): void {
  const mark = (what: Mark["what"], at: number): void => {
    console.debug(prefix + JSON.stringify({ what, at }));
  };
  const clicks = (of: Window): void => {
    of.addEventListener(
      "click",
      (event) => {
        mark("click", of.performance.timeOrigin + event.timeStamp);
      },
      true,
    );
  };
  if (window === window.top) {
    clicks(window);
    return;
  }
  if (!location.pathname.endsWith("/index.html")) return;
  const heard = new WeakSet<Document>();
  const last = new WeakMap<Document, string>();
  /** What is seen: a sum over the pixels, or that an empty webview's text is there; empty for nothing. */
  const seen = (page: Document): string => {
    if (page.querySelector(".empty-webview") !== null) return "text";
    const canvas = page.querySelector<HTMLCanvasElement>(".dr-plots canvas");
    if (canvas === null || canvas.width === 0 || canvas.offsetParent === null) return "";
    const pixels = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data;
    let sum = 0;
    for (const value of pixels ?? []) sum = (sum * 31 + value) % 1_000_003;
    return sum === 0 ? "" : String(sum);
  };
  const look = (): void => {
    for (const frame of document.querySelectorAll("iframe")) {
      const page = frame.contentDocument;
      const view = page?.defaultView ?? null;
      if (page === null || view === null) continue;
      // Listeners put on a document before it is written are gone with its writing.
      if (page.querySelector("body > *") !== null && !heard.has(page)) {
        heard.add(page);
        clicks(view);
      }
      const now = getComputedStyle(frame).visibility === "hidden" ? "" : seen(page);
      if (now === "" || now === last.get(page)) continue;
      last.set(page, now);
      // A message that is posted while a frame is being made is handled after it.
      const after = new MessageChannel();
      after.port1.onmessage = () => {
        mark("paint", performance.timeOrigin + performance.now());
      };
      after.port2.postMessage(null);
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}
