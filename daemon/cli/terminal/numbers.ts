/** Figures as people read them. */

/** `0.4 s`, `12 s`, `3 min 20 s`, `2 h 05 min`. */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}

const two = (n: number): string => String(n).padStart(2, "0");

/** `1,234,567` */
export const integer = (n: number): string => n.toLocaleString("en-US");

/** `640`, `260 K`, `1.24 B`: how models are named by size. */
export function magnitude(n: number): string {
  for (const [unit, size] of [
    ["T", 1e12],
    ["B", 1e9],
    ["M", 1e6],
    ["K", 1e3],
  ] as const) {
    if (n >= size) return `${+(n / size).toPrecision(3)} ${unit}`;
  }
  return String(n);
}

/** `50.00 %` */
export const percent = (share: number, digits = 2): string => `${(share * 100).toFixed(digits)} %`;

/** Four significant digits: `4.107`, `83.32`, `12,340`. */
export function significant(x: number): string {
  if (!Number.isFinite(x)) return String(x);
  if (Math.abs(x) >= 1000) return integer(Number(x.toPrecision(4)));
  return x !== 0 && Math.abs(x) < 1e-3 ? x.toExponential(2) : x.toPrecision(4);
}
