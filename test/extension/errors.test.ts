/** Errors that go from one of the extension's bundles to the other, each of which holds a class of its own. */
import { expect, test, vi } from "vitest";
import { daemonErrorOf, DaemonError, isDaemonError } from "../../extension/errors.ts";
import { PageSession } from "../../extension/panels/session.ts";

async function fromTheOtherBundle(): Promise<DaemonError> {
  vi.resetModules();
  const other = await import("../../extension/errors.ts");
  return new other.DaemonError("checkpoint/header-size", "input", "It is damaged.");
}

test("are known by what they have", async () => {
  const error = await fromTheOtherBundle();
  expect(error).not.toBeInstanceOf(DaemonError);
  expect(isDaemonError(error)).toBe(true);
  expect(daemonErrorOf(error)).toBe(error);
  expect(isDaemonError(new Error("It is damaged."))).toBe(false);
  expect(isDaemonError({ name: "DaemonError", code: "a/b", kind: "input" })).toBe(false);
});

test("keep their code on the way to a page, and are no defect", async () => {
  const error = await fromTheOtherBundle();
  const posted: unknown[] = [];
  const complaints: string[] = [];
  const session = new PageSession<null>({
    answers: { answer: () => Promise.reject(error) },
    cancellation: () => ({ token: null, cancel: () => undefined }),
    post: (message) => posted.push(message),
    act: () => undefined,
    complain: (text) => complaints.push(text),
  });
  session.receive({ type: "request", id: 1, method: "inspect", params: {} });
  await expect
    .poll(() => posted)
    .toEqual([
      { type: "failure", id: 1, code: "checkpoint/header-size", message: "It is damaged." },
    ]);
  expect(complaints).toEqual([]);
});
