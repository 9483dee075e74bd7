/** Questions and answers in a school: sums, neighbours in a list, facts of the world, opposites. */
import type { Dice } from "../dice.ts";
import { ANIMALS, DAYS, TRADES } from "../lexicon.ts";
import { capital, numeral } from "../words.ts";
import { neighbour, ways, WORLD } from "../world.ts";

type Question = (dice: Dice) => readonly [question: string, answer: string];

const QUESTIONS: readonly Question[] = [
  (dice) => {
    const [x, y] = [dice.between(1, 20), dice.between(1, 20)];
    return [`What is ${numeral(x)} and ${numeral(y)}?`, numeral(x + y)];
  },
  (dice) => {
    const y = dice.between(1, 15);
    const x = y + dice.between(0, 15);
    return [`What is ${numeral(x)} less ${numeral(y)}?`, numeral(x - y)];
  },
  (dice) => {
    const [x, y] = [dice.between(2, 9), dice.between(2, 9)];
    return [`What is ${numeral(x)} times ${numeral(y)}?`, numeral(x * y)];
  },
  (dice) => {
    const i = dice.below(DAYS.length);
    const [day = "", next = ""] = [DAYS[i], DAYS[(i + 1) % DAYS.length]];
    return dice.chance(0.5)
      ? [`Which day comes after ${day}?`, next]
      : [`Which day comes before ${next}?`, day];
  },
  (dice) => {
    const town = dice.pick(WORLD.towns);
    const way = dice.pick(ways(town));
    return [`Which town lies ${way} of ${town.name}?`, neighbour(town, way)?.name ?? ""];
  },
  (dice) => {
    const town = dice.pick(WORLD.towns);
    return dice.chance(0.5)
      ? [`Which river flows through ${town.name}?`, `the ${town.river}`]
      : [`Who is the mayor of ${town.name}?`, WORLD.mayor(town).name];
  },
  (dice) => {
    const animal = dice.pick(ANIMALS);
    const n = dice.between(2, 5);
    return dice.chance(0.5)
      ? [`What do ${animal.plural} eat?`, animal.eats]
      : [`How many legs have ${numeral(n)} ${animal.plural}?`, numeral(n * animal.legs)];
  },
  (dice) => {
    const trade = dice.pick(TRADES);
    return dice.chance(0.5)
      ? [`Who works with the ${trade.tool}?`, `the ${trade.name}`]
      : [`Who ${trade.verb} ${trade.makes}?`, `the ${trade.name}`];
  },
  (dice) => {
    const person = dice.pick(WORLD.people);
    return dice.pick([
      [`Where does ${person.name} live?`, `in ${person.town.name}`],
      [`What does ${person.name} like to eat?`, person.food],
      [`What is the name of ${person.name}'s ${person.pet.name}?`, person.petName],
      [`What is ${person.name}'s trade?`, `${person.she} is the ${person.trade.name}`],
    ] as const);
  },
];

export function lesson(dice: Dice): string {
  const [teacher, ...pupils] = dice.sample(WORLD.people, 3);
  if (teacher === undefined) throw new RangeError("an empty world");
  const rounds = Array.from({ length: dice.between(3, 6) }, () => {
    const [question, answer] = dice.pick(QUESTIONS)(dice);
    const pupil = dice.pick(pupils).name;
    return `"${question}" asked ${teacher.name}. "${capital(answer)}," {said|answered} ${pupil}. `;
  });
  return dice.say(
    `${teacher.name} {taught|was teaching} ${pupils.map((p) => p.name).join(" and ")}. ` +
      `${rounds.join("")}"{Well done|Very good|That is enough for today}," said ${teacher.name}.`,
  );
}
