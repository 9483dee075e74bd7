/**
 * The grammar's doorway: documents of thirteen genres about one world, and the three splits made of them. A
 * document belongs to the split its own hash names, so no document can be in two splits, whatever the seeds.
 */
import { createHash } from "node:crypto";
import { Dice } from "./dice.ts";
import { animalEntry, personEntry, townEntry } from "./genres/almanac.ts";
import { journey } from "./genres/journey.ts";
import { lesson } from "./genres/lesson.ts";
import { letter } from "./genres/letter.ts";
import { market } from "./genres/market.ts";
import { quest } from "./genres/quest.ts";
import { race } from "./genres/race.ts";
import { recipe } from "./genres/recipe.ts";
import { riddle } from "./genres/riddle.ts";
import { scene } from "./genres/scene.ts";
import { trouble } from "./genres/trouble.ts";

export const GENRES = {
  quest,
  market,
  townEntry,
  personEntry,
  animalEntry,
  riddle,
  journey,
  race,
  letter,
  lesson,
  recipe,
  scene,
  trouble,
} as const satisfies Record<string, (dice: Dice) => string>;
export type Genre = keyof typeof GENRES;
const GENRE_NAMES = Object.keys(GENRES) as Genre[];
/** Half of the documents describe freely; the others follow rules and facts. */
const FREE: readonly Genre[] = ["scene", "trouble"];

export const SPLITS = ["train", "calibration", "evaluation"] as const;
export type Split = (typeof SPLITS)[number];

const SEEDS: Readonly<Record<Split, number>> = { train: 11, calibration: 22, evaluation: 33 };
/** Of 16 hash values one belongs to calibration, one to evaluation and the rest to training. */
const HASH_VALUES = 16;

/** Between documents, in the stored texts and in training. */
export const SEPARATOR = "\n\n";

export function splitOf(document: string): Split {
  const byte = createHash("sha256").update(document).digest()[0] ?? 0;
  switch (byte % HASH_VALUES) {
    case 0:
      return "calibration";
    case 1:
      return "evaluation";
    default:
      return "train";
  }
}

/** The endless, deterministic sequence of a split's documents. */
export function* documents(split: Split): Generator<string, never> {
  const dice = new Dice(SEEDS[split]);
  for (;;) {
    const document = GENRES[dice.pick(dice.chance(0.5) ? FREE : GENRE_NAMES)](dice);
    if (splitOf(document) === split) yield document;
  }
}

/** The first documents of a split, as many whole ones as fit `bytes` (the text is ASCII), ending in a newline. */
export function corpus(split: Split, bytes: number): string {
  const chosen: string[] = [];
  let size = 0;
  for (const document of documents(split)) {
    size += document.length + SEPARATOR.length;
    if (size > bytes) break;
    chosen.push(document);
  }
  return chosen.join(SEPARATOR) + "\n";
}
