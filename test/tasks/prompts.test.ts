/** Rows in, prompts out: written by hand from the harness's task definitions (version 1.0 of each). */
import { describe, expect, test } from "vitest";
import { TASKS } from "../../daemon/tasks/index.ts";
import type { TaskName } from "../../daemon/vocabulary.ts";

const item = (task: TaskName, row: unknown) => TASKS[task].row.parse(row);
const problem = (task: TaskName, row: unknown) => {
  const issue = TASKS[task].row.safeParse(row).error?.issues[0];
  return `${issue?.path.join(".")}: ${issue?.message}`;
};

test("PIQA", () => {
  const row = { goal: "ice box", sol1: "add soda ", sol2: "add water", label: 1 };
  const context = "Question: ice box\nAnswer:";
  expect(item("piqa", row)).toEqual({
    requests: [
      { context, continuation: " add soda " },
      { context, continuation: " add water" },
    ],
    choices: ["add soda ", "add water"],
    gold: 1,
  });
  expect(problem("piqa", { ...row, label: -1 })).toMatch(/^label: no right choice/);
  expect(problem("piqa", { ...row, label: 2 })).toBe("label: neither 0 nor 1");
  expect(problem("piqa", { ...row, sol2: undefined })).toMatch(/^sol2: /);
});

describe("HellaSwag", () => {
  const row = {
    activity_label: "Clean and jerk",
    ctx_a: "A lady walks to a barbell.",
    ctx_b: "she Bends down",
    ctx: "not read",
    endings: ["and grabs.", " lifts  it [step] up. ", "[header] How [title] Begin", "x"],
    label: "3",
  };

  test("the second half is capitalised, the rest of it in lower case", () => {
    const { requests, choices, gold } = item("hellaswag", row);
    expect(requests[0]).toEqual({
      context: "Clean and jerk: A lady walks to a barbell. She bends down",
      continuation: " and grabs.",
    });
    // The tag goes first, then each pair of spaces becomes one.
    expect(choices).toEqual(["and grabs.", "lifts it up.", " How. Begin", "x"]);
    expect(requests.map((request) => request.continuation.slice(1))).toEqual(choices);
    expect(gold).toBe(3);
  });

  test("an empty second half leaves no space behind, WikiHow's marks go", () => {
    const wikihow = {
      ...row,
      activity_label: "Home",
      ctx_a: "[header] How to dye [title] Gather. [step] Use a [b]pot[/b].",
      ctx_b: "",
      label: 0,
    };
    expect(item("hellaswag", wikihow).requests[0]?.context).toBe(
      "Home: How to dye. Gather. Use a pot.",
    );
  });

  test("without a label, or with one too many", () => {
    expect(problem("hellaswag", { ...row, label: "" })).toMatch(/^label: no right choice/);
    expect(problem("hellaswag", { ...row, label: 4 })).toBe("label: there is no such ending");
  });
});

describe.each(["arc_easy", "arc_challenge"] as const)("%s", (task) => {
  const expected = {
    requests: ["gas", "ice", "dew"].map((choice) => ({
      context: "Question: What is solid?\nAnswer:",
      continuation: ` ${choice}`,
    })),
    choices: ["gas", "ice", "dew"],
    gold: 1,
  };

  test.each([
    ["letters", ["A", "B", "C"], "B"],
    ["numbers", ["1", "2", "3"], "2"],
  ])("choices by %s", (_name, label, answerKey) => {
    const choices = { text: ["gas", "ice", "dew"], label };
    expect(item(task, { id: "x", question: "What is solid?", choices, answerKey })).toEqual(
      expected,
    );
    const stem = {
      stem: "What is solid?",
      choices: choices.text.map((text, i) => ({ text, label: label[i] })),
    };
    expect(item(task, { id: "x", question: stem, answerKey })).toEqual(expected);
  });

  test("choices as a list", () => {
    const choices = ["gas", "ice", "dew"];
    expect(item(task, { question: "What is solid?", choices, label: 1 })).toEqual(expected);
  });

  test("an answer that is no choice", () => {
    const choices = { text: ["a", "b"], label: ["A", "B"] };
    expect(problem(task, { question: "q", choices, answerKey: "C" })).toBe(
      'answerKey: "C" is not the label of one of 2 choices',
    );
    expect(problem(task, { question: "q", choices, answerKey: "" })).toMatch(/no right choice/);
    expect(problem(task, { question: "q", choices: ["a", "b"], label: 2 })).toMatch(/no such/);
    expect(problem(task, { question: "q", choices, answerKey: 1 })).toMatch(/^answerKey: /);
  });
});

test("WinoGrande: the contexts differ, what is scored is the same", () => {
  const row = {
    sentence: "The trophy didn't fit the case because the _  was too big.",
    option1: "trophy",
    option2: "case",
    answer: "2",
  };
  const continuation = " was too big.";
  expect(item("winogrande", row)).toEqual({
    requests: [
      { context: "The trophy didn't fit the case because the trophy", continuation },
      { context: "The trophy didn't fit the case because the case", continuation },
    ],
    choices: [
      "The trophy didn't fit the case because the trophy",
      "The trophy didn't fit the case because the case",
    ],
    gold: 1,
  });
  expect(TASKS.winogrande.metrics).toEqual(["acc"]);
  expect(problem("winogrande", { ...row, answer: "" })).toMatch(/^answer: no right choice/);
  expect(problem("winogrande", { ...row, answer: "3" })).toMatch(/^answer: neither/);
  expect(problem("winogrande", { ...row, sentence: "none" })).toBe("sentence: no blank, written _");
});
