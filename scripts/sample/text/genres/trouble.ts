/** Cause and effect: something goes wrong, that has its feeling, someone helps, and the remedy fits the trouble. */
import type { Dice } from "../dice.ts";
import { TROUBLES } from "../scenery.ts";
import { capital } from "../words.ts";
import { WORLD } from "../world.ts";
import { glimpse } from "./scene.ts";
import { intoTheDay } from "./shared.ts";

export function trouble(dice: Dice): string {
  const [victim, helper] = dice.sample(WORLD.people, 2);
  if (victim === undefined || helper === undefined) throw new RangeError("an empty world");
  const [what, feeling, remedy] = dice.common(TROUBLES);
  const helped = dice.chance(0.6);
  return dice.say(
    `${intoTheDay(dice)} ${what}, {so|and} ${victim.name} was ${feeling}. ` +
      glimpse(dice) +
      (helped
        ? `"{What is the matter|Why are you so ${feeling}}?" asked ${helper.name}. ` +
          `"${capital(what)}," said ${victim.name}. ` +
          `{So|At once} ${helper.name} {came and |}${remedy}. ` +
          `"{Thank you|How kind}, ${helper.name}," said ${victim.name}, "{you are|how} ${helper.temper}{.|!}" `
        : `{Nobody came|There was nobody to ask}, so ${victim.name} ${remedy}. `) +
      glimpse(dice) +
      `{In the end|By nightfall|After that} ${victim.name} was {no longer|not} ${feeling}, ` +
      `{and ${victim.petName} the ${victim.pet.name} slept|and there was ${victim.food}|for ${victim.she} had learned something}.`,
  );
}
