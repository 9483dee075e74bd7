/** What the argument parser found, taken out by name and checked: strings, lists and flags. */
import type { DeviceRequest } from "../backend/index.ts";
import { DEVICE_CHOICES, isDeviceChoice } from "../vocabulary.ts";
import { asFlag } from "../wording.ts";
import { badOption, needsOption } from "./errors.ts";
import { oneOf, type Parse } from "./values.ts";

/** Options by camel-cased name, as commander hands them over. */
export type RawOptions = Readonly<Record<string, unknown>>;

export const MANY = 1_000_000;

const deviceName = oneOf(...DEVICE_CHOICES);
export const device: Parse<DeviceRequest> = (flag, text) =>
  isDeviceChoice(text) ? text : deviceName(flag, text);

export function refuseWithout(needed: string, raw: RawOptions, names: readonly string[]): void {
  for (const name of names) {
    if (raw[name] !== undefined) throw needsOption(asFlag(name), needed);
  }
}

export const flag = (raw: RawOptions, name: string): boolean => raw[name] === true;

/** A variable that is not set leaves an empty word, which as a path would be the folder the person is in. */
const word: Parse<string> = (flag, found) => {
  if (found === "") throw badOption(flag, found, "a name or a path");
  return found;
};

export const text = (raw: RawOptions, name: string): string | undefined => value(raw, name, word);

export function texts(raw: RawOptions, name: string): readonly string[] | undefined {
  const found = raw[name];
  return Array.isArray(found)
    ? found.filter((item) => typeof item === "string").map((item) => word(asFlag(name), item))
    : undefined;
}

export function value<T>(raw: RawOptions, name: string, parse: Parse<T>): T | undefined {
  const found = raw[name];
  return typeof found === "string" ? parse(asFlag(name), found) : undefined;
}

/** Without the entries that are undefined, so that defaults further down are not overwritten by them. */
export function present<T extends Readonly<Record<string, unknown>>>(options: T): Present<T> {
  return Object.fromEntries(
    Object.entries(options).filter(([, found]) => found !== undefined),
  ) as Present<T>;
}
type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> };
