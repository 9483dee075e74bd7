import { strict as assert } from "node:assert";
import {
  commands,
  languages,
  Position,
  Range,
  window,
  workspace,
  WorkspaceEdit,
  type CodeLens,
  type CompletionList,
  type Diagnostic,
  type Hover,
  type MarkdownString,
  type TextDocument,
  type Uri,
} from "vscode";
import { inWorkspace, until } from "./support.ts";

const LENSES = ["Prune", "Dry run", "Open heatmaps"];

const lensesOf = async (uri: Uri): Promise<CodeLens[]> =>
  (await commands.executeCommand<CodeLens[] | undefined>(
    "vscode.executeCodeLensProvider",
    uri,
    10,
  )) ?? [];
const titles = (lenses: readonly CodeLens[]) => lenses.map(({ command }) => command?.title);
const own = (uri: Uri): Diagnostic[] =>
  languages.getDiagnostics(uri).filter(({ source }) => source === "DenoiseRotator");

async function opened(...parts: string[]): Promise<TextDocument> {
  const document = await workspace.openTextDocument(inWorkspace(...parts));
  await window.showTextDocument(document);
  return document;
}

async function rewrite(document: TextDocument, text: string): Promise<void> {
  const edit = new WorkspaceEdit();
  const all = new Range(document.positionAt(0), document.positionAt(document.getText().length));
  edit.replace(document.uri, all, text);
  await workspace.applyEdit(edit);
}

describe("a recipe file", () => {
  it("has its own language, and the lenses of the daemon, each a command that exists", async () => {
    const { uri, languageId } = await opened("tiny.denoise.json");
    assert.equal(languageId, "denoise-recipe");
    const lenses = await until("lenses", async () => {
      const found = await lensesOf(uri);
      return found.length > 0 ? found : undefined;
    });
    assert.deepEqual(titles(lenses), LENSES);
    const registered = await commands.getCommands(true);
    for (const { command } of lenses) assert(registered.includes(command?.command ?? ""));
  });

  it("tells the meaning of an option on hover", async () => {
    const { uri } = await opened("tiny.denoise.json");
    const hovers = await commands.executeCommand<Hover[]>(
      "vscode.executeHoverProvider",
      uri,
      new Position(3, 5),
    );
    const text = hovers
      .flatMap(({ contents }) => contents)
      .map((content) => (typeof content === "string" ? content : (content as MarkdownString).value))
      .join("\n");
    assert.match(text, /SparseGPT|sparsegpt/);
  });

  it("completes options that are not there yet", async () => {
    const { uri } = await opened("empty.denoise.json");
    const { items } = await commands.executeCommand<CompletionList>(
      "vscode.executeCompletionItemProvider",
      uri,
      new Position(1, 2),
    );
    const labels = items.map(({ label }) => (typeof label === "string" ? label : label.label));
    for (const option of ["checkpoint", "sparsity", "rotation"]) assert(labels.includes(option));
  });

  it("is checked against this checkpoint while a person types, and is well again after", async () => {
    const document = await opened("tiny.denoise.json");
    const { uri } = document;
    const good = document.getText();
    await rewrite(document, good.replace('"2:4"', '"3:7"'));
    const [pattern] = await until("a diagnostic", () => some(own(uri)));
    assert.equal(pattern?.code, "method/pattern-does-not-fit");
    await rewrite(document, good.replace('"method"', '"methode"'));
    await until("the unknown option", () =>
      some(own(uri).filter(({ message }) => message.includes("methode"))),
    );
    await rewrite(document, good);
    await until("no diagnostic", () => (own(uri).length === 0 ? true : undefined));
    await document.save();
  });
});

describe("config.json", () => {
  it("of a checkpoint has lenses", async () => {
    const { uri } = await opened("model", "config.json");
    const lenses = await until("lenses", async () => some(await lensesOf(uri)));
    assert.deepEqual(titles(lenses), LENSES);
  });

  it("of anything else has none", async () => {
    const { uri } = await opened("other", "config.json");
    // Asked after a file that has some: the daemon answers in order.
    assert.deepEqual(titles(await lensesOf(uri)), []);
    assert.deepEqual(own(uri), []);
  });
});

const some = <T>(list: readonly T[]): readonly T[] | undefined =>
  list.length > 0 ? list : undefined;
