/** Settings and what is found, looks and happens in them: the words of free description, common ones first. */

/** `sky`: weather, light and sound; all mass nouns, without an article. */
export type Kind = "creature" | "thing" | "plant" | "sky";

export interface Noun {
  readonly name: string;
  readonly kind: Kind;
}

export interface Setting {
  /** `at the harbour` */
  readonly where: string;
  readonly smell: string;
  readonly nouns: readonly Noun[];
}

const setting = (
  where: string,
  smell: string,
  nouns: Readonly<Partial<Record<Kind, string>>>,
): Setting => ({
  where,
  smell,
  nouns: (Object.entries(nouns) as [Kind, string][]).flatMap(([kind, names]) =>
    names.split(" ").map((name) => ({ name, kind })),
  ),
});

export const SETTINGS: readonly Setting[] = [
  setting("in the forest", "moss", {
    plant: "oak fern mushroom birch bramble",
    creature: "deer owl squirrel woodpecker",
    thing: "path stump hut",
    sky: "twilight mist",
  }),
  setting("at the harbour", "tar", {
    thing: "boat mast crate sail pier barrel",
    creature: "gull sailor crab seal",
    sky: "spray fog foam",
  }),
  setting("in the kitchen", "cinnamon", {
    thing: "kettle pot table shelf oven jar",
    creature: "cook cat mouse",
    sky: "steam smoke",
    plant: "onion thyme",
  }),
  setting("in the mountains", "snow", {
    thing: "rock bridge cabin trail",
    creature: "goat eagle marmot hunter",
    sky: "sleet frost wind",
    plant: "pine thistle",
  }),
  setting("in the market square", "roasted nuts", {
    thing: "stall fountain cart sack bench",
    creature: "pedlar donkey pigeon child fiddler",
    plant: "cabbage tulip",
    sky: "sunlight",
  }),
  setting("in the old castle", "dust", {
    thing: "tower gate stair mirror throne clock",
    creature: "guard bat spider ghost",
    sky: "moonlight darkness",
    plant: "ivy",
  }),
  setting("by the river", "mint", {
    plant: "willow reed lily",
    creature: "otter heron frog fisherman",
    thing: "raft stone ferry net",
    sky: "foam mist",
  }),
  setting("on the farm", "hay", {
    thing: "barn fence plough ladder bucket",
    creature: "cow hen farmer rooster dog",
    plant: "wheat clover pear",
    sky: "rain dusk",
  }),
  setting("in the desert", "hot sand", {
    thing: "tent well road bone",
    creature: "camel snake beetle rider",
    plant: "cactus palm",
    sky: "dust heat starlight",
  }),
  setting("in the library", "old paper", {
    thing: "book lamp desk globe ladder candle",
    creature: "scholar moth mouse",
    sky: "silence stillness",
  }),
];

export const ADJECTIVES: Readonly<Record<Kind, readonly string[]>> = {
  creature:
    "small old young hungry sleepy thin careful lonely noisy grey quick timid fat wise angry".split(
      " ",
    ),
  thing:
    "old wooden broken heavy empty small crooked rusty painted narrow dusty clean hidden round cracked".split(
      " ",
    ),
  plant: "tall green dry young wild bent fresh thorny withered fragrant pale".split(" "),
  sky: "soft cold sudden pale thick gentle golden bitter endless damp".split(" "),
};

/** Past tense, intransitive. */
export const VERBS: Readonly<Record<Kind, readonly string[]>> = {
  creature:
    "waited slept sat wandered listened sang hid trembled yawned hurried stopped sneezed danced turned dozed".split(
      " ",
    ),
  thing: "stood lay creaked gleamed rattled leaned shook waited fell glittered sank rocked".split(
    " ",
  ),
  plant: "grew swayed bloomed rustled bent glowed drooped whispered spread".split(" "),
  sky: "rose hung drifted faded spread trembled passed crept lingered".split(" "),
};

export const ADVERBS =
  "quietly,slowly,alone,for a long time,all night,again,softly,without a sound,at once,in vain,proudly,as always".split(
    ",",
  );
export const PREPOSITIONS = "near,behind,under,beside,above,in front of,beyond,across from".split(
  ",",
);
export const FEELINGS: readonly (readonly [feeling: string, sign: string])[] = [
  ["happy", "hummed a tune"],
  ["sad", "wiped away a tear"],
  ["tired", "rubbed sore eyes"],
  ["afraid", "held the lantern tighter"],
  ["curious", "stepped closer"],
  ["angry", "stamped on the ground"],
  ["calm", "took a deep breath"],
  ["bored", "drew circles in the dust"],
];

/** What went wrong, how that felt, and what put it right. */
export const TROUBLES: readonly (readonly [trouble: string, feeling: string, remedy: string])[] = [
  ["the roof leaked", "cross", "nailed new boards over the hole"],
  ["the fire went out", "cold", "fetched dry wood and a spark"],
  ["the bread was burnt", "hungry", "kneaded another loaf"],
  ["the wheel broke", "late", "cut a new spoke"],
  ["the well was dry", "thirsty", "dug until water came"],
  ["the lamp fell over", "frightened", "lit a candle instead"],
  ["the goat ate the cabbages", "furious", "put up a higher fence"],
  ["the letter was lost", "worried", "wrote every word again"],
  ["the river rose", "alarmed", "carried everything upstairs"],
  ["the song was forgotten", "sad", "hummed until the tune came back"],
  ["the door stuck", "impatient", "rubbed the hinges with wax"],
  ["the milk turned sour", "disappointed", "made cheese of it"],
  ["the bridge was gone", "stranded", "laid a log across the stream"],
  ["the boots pinched", "sore", "stretched the leather overnight"],
  ["the clock stopped", "confused", "wound it with a small key"],
  ["the string snapped", "silent", "tied a careful knot"],
];
