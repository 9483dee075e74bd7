/** Free description: one setting, its things and creatures, someone who looks on. What was seen is recalled later. */
import type { Dice } from "../dice.ts";
import { liking } from "../liking.ts";
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
  const watcher = dice.pick(WORLD.people);
  const setting = dice.common(liking(watcher.name, SETTINGS));
  const sights: Sight[] = [];
  const lines = [
    `{It was {early|late|noon|midnight} and ${watcher.name} was ${setting.where}|` +
      `${watcher.name} {stood|sat|was lost} ${setting.where}|${capital(setting.where)} ${watcher.name} {waited|rested}}. `,
  ];
  for (let i = dice.between(3, 6); i > 0; i--)
    lines.push(dice.pick(SENTENCES)(dice, setting, sights));
  const [feeling, sign] = dice.common(liking(watcher.name, FEELINGS));
  lines.push(
    `${watcher.name} was ${feeling} and ${sign}. `,
    `{The air|Everything} smelled of ${setting.smell}. `,
    recall(dice, watcher.name, sights),
  );
  return dice.say(lines.join("")).trimEnd();
}

/** One descriptive sentence, for the genres that tell of something else. */
export function glimpse(dice: Dice): string {
  return dice.pick(SENTENCES)(dice, dice.pick(SETTINGS), []);
}

type Sentence = (dice: Dice, setting: Setting, sights: Sight[]) => string;

const SENTENCES: readonly Sentence[] = [
  (dice, setting, sights) => {
    const [subject, other] = twoNouns(dice, setting);
    const seen = see(dice, subject, sights);
    const verb = happens(dice, subject);
    return `The ${seen} ${verb} ${dice.common(liking(verb, PREPOSITIONS))} the ${other.name}. `;
  },
  (dice, setting, sights) => {
    const [subject] = twoNouns(dice, setting);
    const seen = some(subject, see(dice, subject, sights));
    return `${capital(seen)} ${how(dice, happens(dice, subject))}. `;
  },
  (dice, setting, sights) => {
    const [first, second] = twoNouns(dice, setting);
    return (
      `There was ${some(first, see(dice, first, sights))}, and ` +
      `${dice.common(liking(first.name, PREPOSITIONS))} it ` +
      `${some(second, see(dice, second, sights))} ${happens(dice, second)}. `
    );
  },
  (dice, setting, sights) => {
    const [first, second] = twoNouns(dice, setting);
    return (
      `{When|While|Because} the ${first.name} ${happens(dice, first)}, ` +
      `the ${see(dice, second, sights)} ${how(dice, happens(dice, second))}. `
    );
  },
  (dice, setting, sights) => {
    const [noun] = twoNouns(dice, setting);
    const seen = some(noun, see(dice, noun, sights));
    return `{Nobody had ever seen ${seen} like this.|Was it ${seen}?|Far off was ${seen}.} `;
  },
];

/** A noun of the setting, and one that is often named with it. */
function twoNouns(dice: Dice, { nouns }: Setting): [Noun, Noun] {
  const first = dice.pick(nouns);
  return [
    first,
    dice.common(
      liking(
        first.name,
        nouns.filter((noun) => noun !== first),
      ),
    ),
  ];
}

/** The noun with its adjective, remembered in `sights`: what was seen before is seen as it was. */
function see(dice: Dice, noun: Noun, sights: Sight[]): string {
  const known = sights.find((sight) => sight.noun === noun);
  if (known !== undefined) return known.phrase;
  const phrase = `${dice.common(liking(noun.name, ADJECTIVES[noun.kind]))} ${noun.name}`;
  sights.push({ noun, phrase });
  return phrase;
}

/** With its article, which the mass nouns of the sky have not. */
function some(noun: Noun, phrase: string): string {
  return noun.kind === "sky" ? phrase : a(phrase);
}

function happens(dice: Dice, noun: Noun): string {
  return dice.common(liking(noun.name, VERBS[noun.kind]));
}

function how(dice: Dice, verb: string): string {
  return `${verb} ${dice.common(liking(verb, ADVERBS))}`;
}

function recall(dice: Dice, name: string, sights: readonly Sight[]): string {
  const sight = dice.pick(sights);
  return `{Years later|That night|At home}, ${name} {dreamed of|spoke of|still remembered} the ${sight.phrase}.`;
}
