/** Phrases several genres open with. */
import type { Dice } from "../dice.ts";
import { DAYS, WEATHERS } from "../lexicon.ts";

/** `On Monday, in the fog,` or `One cold morning`: the start of a sentence in the past tense. */
export function intoTheDay(dice: Dice): string {
  return dice.chance(0.5)
    ? `On ${dice.pick(DAYS)}{,|, in the ${dice.pick(WEATHERS)},}`
    : "One {cold|warm|bright|grey|windy} {morning|evening|afternoon}";
}
