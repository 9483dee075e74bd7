/**
 * The world every text tells of: towns on a map and people with a trade, a temper, a pet. It is the same for all
 * splits, so these facts are what the model can know beyond a document (its "world knowledge"), and pruning can
 * make it forget them.
 */
import { Dice } from "./dice.ts";
import {
  ANIMALS,
  COLOURS,
  FOODS,
  PRODUCTS,
  TEMPERS,
  THINGS,
  TRADES,
  type Animal,
  type Trade,
} from "./lexicon.ts";
import { capital } from "./words.ts";

const WORLD_SEED = 1729;
/** The map: this many towns from west to east and from north to south. */
const COLUMNS = 6;
const ROWS = 5;
const PEOPLE = 96;

export interface Town {
  readonly name: string;
  /** 0 is west. */
  readonly column: number;
  /** 0 is north. */
  readonly row: number;
  /** Every column of the map has one river, flowing from north to south. */
  readonly river: string;
  readonly product: string;
  readonly gate: string;
}

export interface Person {
  readonly name: string;
  readonly she: string;
  readonly her: string;
  /** Possessive. */
  readonly hers: string;
  readonly sister: "sister" | "brother";
  readonly trade: Trade;
  readonly town: Town;
  readonly temper: string;
  readonly pet: Animal;
  readonly petName: string;
  readonly treasure: string;
  readonly treasureMaterial: string;
  readonly colour: string;
  readonly food: string;
}

export interface World {
  readonly towns: readonly Town[];
  readonly people: readonly Person[];
  readonly mayor: (town: Town) => Person;
}

const TOWN_HEADS = "Bram Ost Vel Kar Lun Tor Mar Hol Wes Nor Fal Dun Ash Grim Sel".split(" ");
const TOWN_TAILS = ["wick", "ford", "mere", "holm", "bury", "stad", "gate", "moor"];
const RIVERS = ["Sarn", "Iva", "Oder", "Thell", "Quill", "Mossa"];
const NAME_HEADS = "Ma Ti Lo Be Ro Sa Ne Ka Wi Do Fe Ju El Ar Os Pe Hu Vi Ga Il Zo Ed Ly Mo".split(
  " ",
);
const SHE_TAILS = ["lina", "ra", "thea", "vi", "dora", "nia", "sha", "mela"];
const HE_TAILS = ["ben", "rik", "mo", "dan", "vard", "fin", "tus", "gor"];
const PET_NAMES =
  "Pip Button Moss Bramble Tuft Soot Nettle Pebble Rusty Fern Flick Mallow Biscuit Thorn Dusk Clover".split(
    " ",
  );

function buildWorld(): World {
  const dice = new Dice(WORLD_SEED);
  const townNames = uniqueNames(dice, TOWN_HEADS, TOWN_TAILS, COLUMNS * ROWS);
  const towns = townNames.map((name, i): Town => {
    const column = i % COLUMNS;
    return {
      name,
      column,
      row: Math.floor(i / COLUMNS),
      river: RIVERS[column] ?? "",
      product: dice.pick(PRODUCTS),
      gate: dice.pick(COLOURS),
    };
  });
  const women = uniqueNames(dice, NAME_HEADS, SHE_TAILS, PEOPLE / 2);
  const men = uniqueNames(dice, NAME_HEADS, HE_TAILS, PEOPLE / 2);
  const people = [...women, ...men].map((name, i): Person => {
    const isWoman = i < women.length;
    const [treasure, treasureMaterial] = dice.pick(THINGS);
    return {
      name,
      she: isWoman ? "she" : "he",
      her: isWoman ? "her" : "him",
      hers: isWoman ? "her" : "his",
      sister: isWoman ? "sister" : "brother",
      trade: dice.pick(TRADES),
      town: dice.pick(towns),
      temper: dice.pick(TEMPERS),
      pet: dice.pick(ANIMALS),
      petName: dice.pick(PET_NAMES),
      treasure,
      treasureMaterial,
      colour: dice.pick(COLOURS),
      food: dice.pick(FOODS),
    };
  });
  const mayors = new Map(towns.map((town) => [town, dice.pick(people)]));
  return {
    towns,
    people,
    mayor: (town) => {
      const mayor = mayors.get(town);
      if (mayor === undefined) throw new RangeError(`no such town: ${town.name}`);
      return mayor;
    },
  };
}

function uniqueNames(
  dice: Dice,
  heads: readonly string[],
  tails: readonly string[],
  n: number,
): string[] {
  const all = heads.flatMap((head) => tails.map((tail) => capital(head.toLowerCase() + tail)));
  return dice.sample(all, n);
}

export const WORLD: World = buildWorld();

export const DIRECTIONS = {
  north: { column: 0, row: -1, back: "south" },
  south: { column: 0, row: 1, back: "north" },
  east: { column: 1, row: 0, back: "west" },
  west: { column: -1, row: 0, back: "east" },
} as const;
export type Direction = keyof typeof DIRECTIONS;

/** The town one day's walk away, `undefined` beyond the edge of the map. */
export function neighbour(town: Town, direction: Direction): Town | undefined {
  const step = DIRECTIONS[direction];
  return WORLD.towns.find(
    (t) => t.column === town.column + step.column && t.row === town.row + step.row,
  );
}

/** Directions in which `town` has a neighbour. */
export function ways(town: Town): Direction[] {
  return (Object.keys(DIRECTIONS) as Direction[]).filter(
    (direction) => neighbour(town, direction) !== undefined,
  );
}
