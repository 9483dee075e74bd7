/** Free description: one setting, its things and creatures, someone who looks on. What was seen is recalled later. */
import type { Dice } from "../dice.ts";
import {
  ADJECTIVES,
  ADVERBS,
  FEELINGS,
  PREPOSITIONS,
  SETTINGS,
  VERBS,
  type Noun,
  type Setting,
} from "../scenery.ts";
import { a, capital } from "../words.ts";
import { WORLD } from "../world.ts";

/** A noun with the adjective it keeps for the whole text. */
interface Sight {
  readonly noun: Noun;
  readonly phrase: string;
}

export function scene(dice: Dice): string {
  const setting = dice.common(SETTINGS);
  const watcher = dice.pick(WORLD.people);
  const sights: Sight[] = [];
  const lines = [
    `{It was {early|late|noon|midnight} and ${watcher.name} was ${setting.where}|` +
      `${watcher.name} {stood|sat|was lost} ${setting.where}|${capital(setting.where)} ${watcher.name} {waited|rested}}. `,
  ];
  for (let i = dice.between(3, 6); i > 0; i--)
    lines.push(dice.pick(SENTENCES)(dice, setting, sights));
  const [feeling, sign] = dice.common(FEELINGS);
  lines.push(
    `${watcher.name} was ${feeling} and ${sign}. `,
    `{The air|Everything} smelled of ${setting.smell}. `,
    recall(dice, watcher.name, sights),
  );
  return dice.say(lines.join("")).trimEnd();
}

/** One descriptive sentence, for the genres that tell of something else. */
export function glimpse(dice: Dice): string {
  return dice.pick(SENTENCES)(dice, dice.common(SETTINGS), []);
}

type Sentence = (dice: Dice, setting: Setting, sights: Sight[]) => string;

const SENTENCES: readonly Sentence[] = [
  (dice, setting, sights) => {
    const [subject, other] = lookTwice(dice, setting, sights);
    return `The ${subject.phrase} ${happens(dice, subject)} ${dice.common(PREPOSITIONS)} the ${other.noun.name}. `;
  },
  (dice, setting, sights) => {
    const [subject] = lookTwice(dice, setting, sights);
    return `${capital(a(subject.phrase))} ${happens(dice, subject)} ${dice.common(ADVERBS)}. `;
  },
  (dice, setting, sights) => {
    const [first, second] = lookTwice(dice, setting, sights);
    return (
      `There {was|stood} ${a(first.phrase)}, and ${dice.common(PREPOSITIONS)} it ` +
      `${a(second.phrase)} ${happens(dice, second)}. `
    );
  },
  (dice, setting, sights) => {
    const [first, second] = lookTwice(dice, setting, sights);
    return (
      `{When|While|Because} the ${first.noun.name} ${happens(dice, first)}, ` +
      `the ${second.phrase} ${happens(dice, second)} ${dice.common(ADVERBS)}. `
    );
  },
  (dice, setting, sights) => {
    const thing = a(lookTwice(dice, setting, sights)[0].phrase);
    return `{Nobody had ever seen ${thing} like this.|Was it ${thing}?|Far off was ${thing}.} `;
  },
];

function happens(dice: Dice, sight: Sight): string {
  return dice.common(VERBS[sight.noun.kind]);
}

/** Two different things of the setting, remembered in `sights`; a noun seen before is seen as it was. */
function lookTwice(dice: Dice, setting: Setting, sights: Sight[]): [Sight, Sight] {
  const look = (noun: Noun): Sight => {
    const known = sights.find((sight) => sight.noun === noun);
    if (known !== undefined) return known;
    const sight = { noun, phrase: `${dice.common(ADJECTIVES[noun.kind])} ${noun.name}` };
    sights.push(sight);
    return sight;
  };
  const [first, second] = dice.sample(setting.nouns, 2);
  if (first === undefined || second === undefined) throw new RangeError("an empty setting");
  return [look(first), look(second)];
}

function recall(dice: Dice, name: string, sights: readonly Sight[]): string {
  const sight = dice.pick(sights);
  return `{Years later|That night|At home}, ${name} {dreamed of|spoke of|still remembered} the ${sight.phrase}.`;
}
