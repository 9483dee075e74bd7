/** What the browser of a workbench has written down of it, and finds again after a reload. */
import type { Page } from "playwright-core";

/**
 * Until an editor of this kind is among what is kept: a browser writes every few seconds only. A desktop has no such
 * storage, and keeps all when it reloads.
 */
export async function editorKept(page: Page, viewType: string): Promise<void> {
  while (!(await page.evaluate<boolean>(`(${isKept})(${JSON.stringify(viewType)})`))) {
    await page.waitForTimeout(200);
  }
}

/** For the page; as text, since tests are compiled without a DOM. */
const isKept = `async (viewType) => {
  const done = (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  const names = (await indexedDB.databases()).map(({ name }) => name);
  const states = names.filter((name) => name.startsWith("vscode-web-state-db-"));
  for (const name of states) {
    const database = await done(indexedDB.open(name));
    const items = database.transaction("ItemTable").objectStore("ItemTable");
    const editors = await done(items.get("memento/workbench.parts.editor"));
    database.close();
    if (String(editors).includes(viewType)) return true;
  }
  return states.length === 0;
}`;
