/** Numbers as people read them. One place, so that the same figure looks the same in a chart, a table and a sentence. */
import { format } from "d3";

const MINUS = "\u2212";
const NARROW_SPACE = "\u202f";

/** `12,345` */
export const count = format(",d");

/** A share 0…1 as `12.3 %`. */
export function percent(share: number, digits = 1): string {
  return `${(share * 100).toFixed(digits).replace("-", MINUS)}${NARROW_SPACE}%`;
}

/** A relative change as `−12.3 %` or `+4.0 %`. */
export function change(relative: number, digits = 1): string {
  const text = percent(relative, digits);
  return relative > 0 ? `+${text}` : text;
}

/** Entropies and losses: about four digits, and as many decimals for every value of the same size. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const spec =
    size >= 1000 ? ",.0f" : size >= 100 ? ".1f" : size >= 1 || size === 0 ? ".2f" : ".3g";
  return format(spec)(value).replace("-", MINUS);
}

/** Labels of a linear axis with round values: no more digits than they need. */
export function tick(value: number): string {
  return (Math.abs(value) >= 1000 ? format(",") : format(".4~g"))(value).replace("-", MINUS);
}

/** Perplexity: two decimals while they mean something. */
export function perplexity(value: number): string {
  if (!Number.isFinite(value)) return "∞";
  return value >= 1000 ? format(",.0f")(value) : value.toFixed(value >= 100 ? 1 : 2);
}

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** `10⁻⁴` for an integer exponent. */
export function powerOfTen(exponent: number): string {
  const digits = String(Math.abs(exponent)).replace(/\d/g, (d) => SUPERSCRIPTS.charAt(Number(d)));
  return `10${exponent < 0 ? "⁻" : ""}${digits}`;
}

/** `3.2 × 10⁻⁴` for a value given as its log10. */
export function fromLog10(log: number): string {
  let exponent = Math.floor(log);
  let mantissa = Math.round(10 ** (log - exponent) * 10) / 10;
  if (mantissa >= 10) {
    mantissa /= 10;
    exponent += 1;
  }
  if (exponent >= -2 && exponent <= 3) return format(".2~g")(10 ** log);
  return `${mantissa.toFixed(1)} × ${powerOfTen(exponent)}`;
}

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** Decimal units, three significant digits: `1.23 GB`. */
export function bytes(value: number): string {
  let unit = 0;
  let scaled = value;
  while (scaled >= 999.5 && unit < UNITS.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? scaled.toFixed(0) : scaled.toPrecision(3)}${NARROW_SPACE}${UNITS[unit] ?? ""}`;
}

/** `42 s`, `3 min 20 s`, `2 h 05 min`. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)}${NARROW_SPACE}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}${NARROW_SPACE}s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/** `3`, or `3–7` for an inclusive range. */
export function range(first: number, last: number): string {
  return first === last ? count(first) : `${count(first)}–${count(last)}`;
}
