/** Encyclopedia entries: the fixed facts of one town, one person or one animal. */
import type { Dice } from "../dice.ts";
import { ANIMALS } from "../lexicon.ts";
import { a, capital, list, numeral } from "../words.ts";
import { neighbour, ways, WORLD } from "../world.ts";

export function townEntry(dice: Dice): string {
  const town = dice.pick(WORLD.towns);
  const mayor = WORLD.mayor(town);
  const facts = [
    `It {stands|lies} on the river ${town.river}. `,
    `{The town|${town.name}} is known for its ${town.product}. `,
    `The {town gate|gate of ${town.name}} is ${town.gate}. `,
    `Its mayor is ${mayor.name} the ${mayor.trade.name}, ${a(mayor.temper)} {person|soul}. `,
    ...ways(town).map(
      (way) =>
        `{To the ${way} is ${neighbour(town, way)?.name ?? ""}. |Go ${way} and you come to ${neighbour(town, way)?.name ?? ""}. }`,
    ),
  ];
  const chosen = dice.sample(facts, dice.between(3, facts.length));
  return dice.say(
    `${town.name} is {a town|a small town|an old town} in the land of six rivers. ${chosen.join("")}` +
      `{Travellers like it|Few people leave it|Many songs are sung about it}.`,
  );
}

export function personEntry(dice: Dice): string {
  const p = dice.pick(WORLD.people);
  const She = capital(p.she);
  const facts = [
    `${She} ${p.trade.verb} ${p.trade.makes} in the ${p.trade.place}. `,
    `${capital(p.hers)} best tool is the ${p.trade.tool}. `,
    `${She} {likes|loves} ${p.food}. `,
    `${capital(p.hers)} {coat|door|hat} is ${p.colour}. `,
    `${She} {has|keeps} ${a(p.pet.name)} called ${p.petName}, and it eats ${p.pet.eats}. `,
    `${capital(p.hers)} greatest treasure is ${a(p.treasureMaterial)} ${p.treasure}. `,
    `{People say|Everyone knows} that ${p.she} is ${p.temper}. `,
  ];
  return dice.say(
    `${p.name} is ${a(p.trade.name)} from ${p.town.name}. ` +
      dice.sample(facts, dice.between(3, 6)).join("") +
      `{You can meet|Look for} ${p.her} on the bank of the ${p.town.river}.`,
  );
}

export function animalEntry(dice: Dice): string {
  const [first, second] = dice.sample(ANIMALS, 2);
  if (first === undefined || second === undefined) throw new RangeError("an empty lexicon");
  const about = (animal: typeof first) =>
    `${capital(a(animal.name))} ` +
    list(
      dice.sample(
        [
          `has ${numeral(animal.legs)} legs`,
          `eats ${animal.eats}`,
          `lives ${animal.lives}`,
          `${animal.cry} {when it is happy|at dawn|all day}`,
          `can ${animal.skill}`,
        ],
        3,
      ),
    ) +
    ". ";
  const legs = first.legs + second.legs;
  return dice.say(
    `${about(first)}${about(second)}` +
      `Together, ${a(first.name)} and ${a(second.name)} have ${numeral(legs)} legs. ` +
      `{{Some|Most} ${first.plural} are afraid of ${second.plural}|${capital(first.plural)} and ${second.plural} {are seldom friends|often live side by side}}.`,
  );
}
