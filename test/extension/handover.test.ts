/** A choice handed to a page that comes and goes: none is lost, none is told twice. */
import { expect, test } from "vitest";
import { Handover } from "../../extension/panels/handover.ts";

function page(first: string | null = null) {
  const told: (string | null)[] = [];
  return { told, choice: new Handover<string>((next) => told.push(next), first) };
}

test("what the panel was opened with is told once the page listens, and not over a reload", () => {
  const { told, choice } = page("down");
  expect(told).toEqual([]);
  choice.ready();
  choice.ready();
  expect(told).toEqual(["down", null]);
});

test("a page that listens is told at once, and not again over a reload", () => {
  const { told, choice } = page();
  choice.ready();
  choice.give("q");
  choice.gone();
  choice.ready();
  expect(told).toEqual([null, "q", null]);
});

test("a choice for a hidden tab waits for its page", () => {
  const { told, choice } = page();
  choice.ready();
  choice.gone();
  choice.give("q");
  choice.give("k");
  expect(told).toEqual([null]);
  choice.ready();
  expect(told).toEqual([null, "k"]);
});
