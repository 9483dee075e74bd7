/** Names a person may have meant. */

const SHOWN = 3;
/** More edits than this, relative to the length, is no typing mistake. */
const NEAR = 0.4;

/** Names that contain `wanted`, else those few edits away, nearest first. */
export function nearest(wanted: string, names: readonly string[]): string[] {
  const containing = names.filter((name) => name.includes(wanted));
  if (containing.length > 0) return containing.slice(0, SHOWN);
  return names
    .map((name) => ({ name, distance: editDistance(wanted, name) }))
    .filter(({ distance }) => distance <= NEAR * wanted.length)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, SHOWN)
    .map(({ name }) => name);
}

/** Levenshtein's: insertions, deletions and substitutions, one row of the table at a time. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
