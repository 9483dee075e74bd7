/** A lost treasure: its owner asks neighbours, follows the one true hint, and finds it. */
import type { Dice } from "../dice.ts";
import { HIDING_PLACES } from "../lexicon.ts";
import { capital } from "../words.ts";
import { WORLD } from "../world.ts";
import { glimpse } from "./scene.ts";
import { intoTheDay } from "./shared.ts";

export function quest(dice: Dice): string {
  const hero = dice.pick(WORLD.people);
  const helpers = dice.sample(
    WORLD.people.filter((p) => p !== hero),
    dice.between(2, 3),
  );
  const informant = dice.pick(helpers);
  const hidden = dice.pick(HIDING_PLACES);
  const wrong = dice.pick(HIDING_PLACES.filter((place) => place !== hidden));
  const thing = `${hero.treasureMaterial} ${hero.treasure}`;
  const lines = [
    `${intoTheDay(dice)} ${hero.name} the ${hero.trade.name} ` +
      `{could not find|had lost|missed} ${hero.hers} ${thing}. ` +
      `${capital(hero.she)} looked ${wrong}, but ` +
      `{there was nothing|it was not there|${hero.she} found only dust}. `,
  ];
  for (const helper of helpers) {
    lines.push(
      `{So|Then} ${hero.she} {went to|asked|called on} ${helper.name} the ${helper.trade.name} ` +
        `{at|in} the ${helper.trade.place}. ` +
        `"Have you seen my ${hero.treasure}?" asked ${hero.name}. `,
    );
    if (helper === informant) {
      lines.push(
        `"{Yes|Yes, I have|Of course}," said ${helper.name}. "It is ${hidden}." ` +
          `${hero.name} {thanked ${helper.her}|was glad} and {ran|hurried} off. ` +
          `There it was: the ${thing} lay ${hidden}. `,
      );
      break;
    }
    lines.push(`"{No|I have not|Not today}," said ${helper.name}, who ${trait(helper.temper)}. `);
  }
  lines.push(
    glimpse(dice),
    `That evening ${hero.name} ate ${hero.food} with ${informant.name} ` +
      `and {gave|promised} ${informant.her} ${reward(informant.trade.makes, hero.trade.makes)}. ` +
      `{From that day on|Ever since}, ${hero.name} {has kept|keeps} the ${hero.treasure} ` +
      `{close|safe}, and ${hero.petName} the ${hero.pet.name} {watches|guards} it.`,
  );
  return dice.say(lines.join(""));
}

function trait(temper: string): string {
  return `was {rather|very|always} ${temper}`;
}

/** Nobody is paid in what they make themselves. */
function reward(theirs: string, ours: string): string {
  return theirs === ours ? "a kind word" : `some ${ours}`;
}
