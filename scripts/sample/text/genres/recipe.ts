/** Making something: what is needed is listed once, used in that order, and counted at the end. */
import type { Dice } from "../dice.ts";
import { FOODS } from "../lexicon.ts";
import { capital, list, numeral } from "../words.ts";
import { WORLD } from "../world.ts";

const INGREDIENTS =
  "flour,butter,eggs,milk,honey,salt,onions,carrots,barley,beans,mint,pepper,cream,plums,nuts,cheese".split(
    ",",
  );
const STEPS = ["add", "stir in", "cut up", "wash", "weigh", "pour in"];

export function recipe(dice: Dice): string {
  const cook = dice.pick(WORLD.people);
  const guest = dice.pick(WORLD.people.filter((p) => p !== cook));
  const dish = dice.chance(0.6) ? cook.food : dice.pick(FOODS);
  const needed = dice.sample(INGREDIENTS, dice.between(3, 5));
  const steps = needed.map((item, i) => {
    const step = dice.pick(STEPS);
    if (i === 0) return `First you ${step} the ${item}. `;
    return i === needed.length - 1
      ? `Last you ${step} the ${item}. `
      : `Then you ${step} the ${item}. `;
  });
  const time = dice.between(2, 12) * 5;
  const pause = dice.between(1, 4) * 5;
  return dice.say(
    `How ${cook.name} the ${cook.trade.name} {makes|cooks} ${dish}. You need ${list(needed)}. ` +
      steps.join("") +
      `Let it {cook|simmer} for ${numeral(time)} minutes and {rest|cool} for ${numeral(pause)}. ` +
      `After ${numeral(time + pause)} minutes the ${dish} ${dish.endsWith("s") ? "are" : "is"} ready. ` +
      (dish === guest.food
        ? `${guest.name} is {happy|delighted}, for ${guest.she} likes ${dish} best.`
        : `${guest.name} tastes it and says: "{I prefer ${guest.food}|Not as good as ${guest.food}}."`) +
      ` {${capital(needed[0] ?? "")} came first and ${needed.at(-1) ?? ""} last|In all it took ${numeral(needed.length)} things}.`,
  );
}
