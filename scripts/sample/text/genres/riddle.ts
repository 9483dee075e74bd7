/** A riddle game: hints first, then who it was. The answer follows from the hints and the world. */
import type { Dice } from "../dice.ts";
import { ANIMALS } from "../lexicon.ts";
import { a, numeral } from "../words.ts";
import { WORLD } from "../world.ts";

export function riddle(dice: Dice): string {
  const [asker, guesser] = dice.sample(WORLD.people, 2);
  if (asker === undefined || guesser === undefined) throw new RangeError("an empty world");
  const animal = dice.pick(ANIMALS);
  const wrong = dice.chance(0.5) ? undefined : dice.pick(ANIMALS.filter((x) => x !== animal));
  const hints = dice.sample(
    [
      `I eat ${animal.eats}`,
      `I live ${animal.lives}`,
      `I can ${animal.skill}`,
      `I have ${numeral(animal.legs)} legs`,
    ],
    3,
  );
  const miss =
    wrong === undefined
      ? ""
      : `"Are you ${a(wrong.name)}?" asked ${guesser.name}. "No, ${a(wrong.name)} eats ${wrong.eats}," {said|laughed} ${asker.name}. `;
  return dice.say(
    `"{Guess who I am|Here is a riddle|Listen}," said ${asker.name} to ${guesser.name}. ` +
      `"${hints.join(". ")}. {Who|What} am I?" ${miss}` +
      `${guesser.name} {thought for a while|scratched ${guesser.hers} head|smiled}. ` +
      `"You are ${a(animal.name)}!" "{Right|Yes|True}," said ${asker.name}, "and the ${animal.name} ${animal.cry}." ` +
      `{Then it was ${guesser.name}'s turn|So ${guesser.name} won ${a(asker.food.endsWith("s") ? "bowl" : "plate")} of ${asker.food}}.`,
  );
}
