/** Local ports: one that is free, and waiting until something answers there. */
import { createServer } from "node:net";

export function freePort(): Promise<number> {
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

/** @param ended why to wait no longer; null while there is hope */
export async function answers(
  url: string,
  who: string,
  ended: () => string | null = () => null,
): Promise<void> {
  const until = Date.now() + 60_000;
  while (Date.now() < until) {
    const healthy = await fetch(url)
      .then(({ ok }) => ok)
      .catch(() => false);
    if (healthy) return;
    const why = ended();
    if (why !== null) throw new Error(`${who} ended: ${why}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${who} does not answer at ${url}`);
}
