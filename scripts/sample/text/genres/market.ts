/** Counting: someone gets, gives, loses and finds goods, and the text says how many are left. */
import type { Dice } from "../dice.ts";
import { GOODS } from "../lexicon.ts";
import { capital, count, numeral } from "../words.ts";
import { WORLD } from "../world.ts";

const MOST = 30;

export function market(dice: Dice): string {
  const [owner, friend] = twoPeople(dice);
  const goods = dice.pick(GOODS);
  let n = dice.between(3, 15);
  const lines = [`${owner.name} {went to market|came home|sat down} with ${count(n, goods)}. `];
  for (let i = dice.between(2, 5); i > 0; i--) {
    const gains = n < 3 || (n < MOST - 9 && dice.chance(0.5));
    const change = gains ? dice.between(1, 9) : dice.between(1, Math.min(n - 1, 9));
    n += gains ? change : -change;
    const event = (subject: string) =>
      gains
        ? `{${subject} bought|${subject} found|${friend.name} gave ${owner.her}} ${numeral(change)} more`
        : `${subject} {sold ${numeral(change)}|gave ${numeral(change)} to ${friend.name}|lost ${numeral(change)} on the road}`;
    lines.push(
      `{${event(`{${owner.name}|${capital(owner.she)}}`)}. Now ${owner.she} had ${count(n, goods)}. |` +
        `Then ${event(owner.she)}, {which made ${numeral(n)}|so there were ${numeral(n)}}. }`,
    );
  }
  lines.push(
    `{At the end of the day|At last|When the bell rang}, ${owner.name} counted ${owner.hers} ` +
      `${goods[1]}: there were ${numeral(n)}. `,
    n % 2 === 0
      ? `${capital(owner.she)} shared them with ${friend.name}, and each got ${numeral(n / 2)}.`
      : `${capital(owner.she)} shared them with ${friend.name}: each got ${numeral((n - 1) / 2)}, ` +
          `and one was left for ${owner.petName} the ${owner.pet.name}.`,
  );
  return dice.say(lines.join(""));
}

function twoPeople(dice: Dice) {
  const [owner, friend] = dice.sample(WORLD.people, 2);
  if (owner === undefined || friend === undefined) throw new RangeError("an empty world");
  return [owner, friend] as const;
}
