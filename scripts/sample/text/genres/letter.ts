/** A letter and its answer: greeting and signature frame it, and the answer takes up what was asked. */
import type { Dice } from "../dice.ts";
import { DAYS, FOODS, GOODS, WEATHERS } from "../lexicon.ts";
import { numeral } from "../words.ts";
import { WORLD } from "../world.ts";

export function letter(dice: Dice): string {
  const [from, to] = dice.sample(WORLD.people, 2);
  if (from === undefined || to === undefined) throw new RangeError("an empty world");
  const [, goods] = dice.pick(GOODS);
  const n = dice.between(2, 19);
  const today = dice.below(DAYS.length);
  const day = (later: number) => DAYS[(today + later) % DAYS.length] ?? "";
  const later = dice.between(1, 3);
  const food = dice.pick(FOODS);
  const comes = dice.chance(0.5);
  return dice.say(
    `Dear ${to.name},\n` +
      `{today is|it is} ${day(0)}, and here in ${from.town.name} there is {nothing but |much |}${dice.pick(WEATHERS)}. ` +
      `I {need|would like} ${numeral(n)} ${goods} ${purpose(dice, from)}. ` +
      `{Can|Could} you {bring|send} them ${inDays(later)}? There will be ${food}.\n` +
      `Your {friend|old friend}, ${from.name} the ${from.trade.name}\n` +
      `Dear ${from.name},\n` +
      (comes
        ? `I will {come|be there} on ${day(later)} with the ${numeral(n)} ${goods}. ` +
          `{How good that there will be ${food}|I like ${to.food} better than ${food}, but I will eat anything}. `
        : `I am sorry, but I have only ${numeral(dice.between(1, n - 1))} ${goods}, not ${numeral(n)}, ` +
          `and on ${day(later)} I must {stay in ${to.town.name}|look after ${to.petName}, my ${to.pet.name}}. `) +
      `{Greet ${from.petName} the ${from.pet.name}|Give my love to ${from.petName} the ${from.pet.name}}.\n` +
      `Yours, ${to.name} the ${to.trade.name}`,
  );
}

function purpose(dice: Dice, from: (typeof WORLD.people)[number]): string {
  return dice.pick([
    `for the ${from.trade.place}`,
    `to pay for a new ${from.trade.tool}`,
    "for a feast",
  ]);
}

function inDays(days: number): string {
  return days === 1 ? "tomorrow" : `in ${numeral(days)} days`;
}
