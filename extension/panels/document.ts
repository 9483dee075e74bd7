/** The document of a page: a script, a style sheet, and a policy that lets nothing else in. */

export interface DocumentParts {
  readonly script: string;
  readonly style: string;
  readonly title: string;
  /** Random, new for each document. */
  readonly nonce: string;
}

/**
 * The script and the style sheet are let in by the nonce; nothing can be fetched, framed or sent anywhere. Images are
 * only what the page itself makes, when it saves a picture.
 */
export function documentOf({ script, style, title, nonce }: DocumentParts): string {
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    "img-src blob: data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return [
    "<!doctype html>",
    '<html lang="en">',
    "<head>",
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escaped(title)}</title>`,
    `<link rel="stylesheet" nonce="${nonce}" href="${escaped(style)}">`,
    "</head>",
    "<body>",
    '<main id="page"></main>',
    `<script nonce="${nonce}" src="${escaped(script)}"></script>`,
    "</body>",
    "</html>",
  ].join("\n");
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

const escaped = (text: string): string => text.replace(/[&<>"]/g, (c) => ENTITIES[c] ?? c);
