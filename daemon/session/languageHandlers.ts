/** The language server's part of a connection. */
import { TextDocuments, type Connection } from "vscode-languageserver";
import { TextDocument } from "vscode-languageserver-textdocument";
import { DenoiseError } from "../errors.ts";
import { complete, diagnose, hover, lenses, type Engine } from "../language/index.ts";
import type { Context } from "./context.ts";

/** After the last key stroke; a plan takes some tenths of a second. */
const DIAGNOSE_AFTER_MS = 300;

/** @returns ends what is being diagnosed */
export function handleLanguage(connection: Connection, { helper }: Context): () => void {
  const documents = new TextDocuments(TextDocument);
  const pending = new Map<string, AbortController>();
  const engine: Engine = {
    plan: (options, signal) => helper.ask("plan", options, signal),
    model: (root, config, signal) => helper.ask("model", { root, config }, signal),
  };

  const forget = (uri: string) => {
    pending.get(uri)?.abort();
    pending.delete(uri);
  };
  const diagnoseSoon = (document: TextDocument) => {
    const { uri, version } = document;
    forget(uri);
    const controller = new AbortController();
    pending.set(uri, controller);
    const { signal } = controller;
    const timer = setTimeout(() => {
      void diagnose(document, engine, signal)
        .then((diagnostics) => {
          if (signal.aborted) return;
          void connection.sendDiagnostics({ uri, version, diagnostics });
        })
        .catch((error: unknown) => {
          // A newer version of the document is being looked at, or the planner went away: nothing to tell here.
          if (!(error instanceof DenoiseError)) console.error(error);
        });
    }, DIAGNOSE_AFTER_MS);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
    });
  };

  documents.onDidChangeContent(({ document }) => {
    diagnoseSoon(document);
  });
  documents.onDidSave(({ document }) => {
    diagnoseSoon(document);
  });
  documents.onDidClose(({ document: { uri } }) => {
    forget(uri);
    void connection.sendDiagnostics({ uri, diagnostics: [] });
  });
  documents.listen(connection);

  connection.onCompletion(({ textDocument, position }) =>
    withDocument(textDocument.uri, (document) => complete(document, position)),
  );
  connection.onHover(({ textDocument, position }) =>
    withDocument(textDocument.uri, (document) => hover(document, position)),
  );
  connection.onCodeLens(({ textDocument }) => withDocument(textDocument.uri, lenses));
  function withDocument<R>(uri: string, use: (document: TextDocument) => R): R | null {
    const document = documents.get(uri);
    return document ? use(document) : null;
  }

  return () => {
    for (const uri of [...pending.keys()]) forget(uri);
  };
}
