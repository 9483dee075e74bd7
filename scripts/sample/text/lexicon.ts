/** The words of the sample's little world. Who has which of them is decided in `world.ts`. */

export interface Trade {
  readonly name: string;
  readonly verb: string;
  readonly makes: string;
  readonly place: string;
  readonly tool: string;
}

export const TRADES: readonly Trade[] = [
  ["baker", "bakes", "bread", "bakery", "oven"],
  ["miller", "grinds", "flour", "mill", "millstone"],
  ["smith", "forges", "horseshoes", "forge", "hammer"],
  ["weaver", "weaves", "cloth", "weaving shed", "loom"],
  ["fisher", "catches", "trout", "boathouse", "net"],
  ["potter", "turns", "jugs", "pottery", "wheel"],
  ["carpenter", "builds", "tables", "workshop", "saw"],
  ["gardener", "grows", "roses", "garden", "spade"],
  ["tailor", "sews", "coats", "tailor shop", "needle"],
  ["cobbler", "mends", "boots", "cobbler shop", "awl"],
  ["beekeeper", "gathers", "honey", "bee yard", "smoker"],
  ["printer", "prints", "books", "print shop", "press"],
  ["clockmaker", "repairs", "clocks", "clock tower", "tweezers"],
  ["shepherd", "shears", "wool", "sheepfold", "crook"],
  ["glassblower", "blows", "bottles", "glass house", "pipe"],
  ["painter", "paints", "portraits", "studio", "brush"],
  ["candlemaker", "dips", "candles", "candle house", "wick"],
  ["ropemaker", "twists", "ropes", "rope walk", "hook"],
  ["cheesemaker", "ripens", "cheese", "dairy", "ladle"],
  ["basketmaker", "plaits", "baskets", "willow barn", "knife"],
].map(([name = "", verb = "", makes = "", place = "", tool = ""]) => ({
  name,
  verb,
  makes,
  place,
  tool,
}));

export interface Animal {
  readonly name: string;
  readonly plural: string;
  readonly legs: number;
  readonly eats: string;
  readonly lives: string;
  readonly cry: string;
  readonly skill: string;
}

export const ANIMALS: readonly Animal[] = [
  ["dog", "dogs", 4, "bones", "in a kennel", "barks", "guard the door"],
  ["cat", "cats", 4, "mice", "by the stove", "purrs", "climb a roof"],
  ["goose", "geese", 2, "grass", "by the pond", "honks", "warn of strangers"],
  ["owl", "owls", 2, "moths", "in a hollow tree", "hoots", "see at night"],
  ["fox", "foxes", 4, "berries", "in a den", "yelps", "hide in the snow"],
  ["donkey", "donkeys", 4, "thistles", "in a stable", "brays", "carry heavy sacks"],
  ["goat", "goats", 4, "leaves", "on a hillside", "bleats", "climb steep rocks"],
  ["frog", "frogs", 4, "flies", "among the reeds", "croaks", "leap across a ditch"],
  ["bee", "bees", 6, "nectar", "in a hive", "hums", "find the way home"],
  ["raven", "ravens", 2, "seeds", "on a cliff", "caws", "open a latch"],
  ["mouse", "mice", 4, "crumbs", "under the floor", "squeaks", "slip through a crack"],
  ["hen", "hens", 2, "corn", "in a coop", "clucks", "lay an egg a day"],
  ["otter", "otters", 4, "fish", "by the river", "whistles", "swim under the ice"],
  ["hedgehog", "hedgehogs", 4, "snails", "under a hedge", "snuffles", "roll into a ball"],
  ["beetle", "beetles", 6, "bark", "under a log", "clicks", "dig a deep tunnel"],
  ["horse", "horses", 4, "oats", "in a meadow", "neighs", "pull a cart"],
  ["spider", "spiders", 8, "gnats", "in a corner", "taps", "spin a fine web"],
  ["rabbit", "rabbits", 4, "clover", "in a burrow", "thumps", "hear a whisper"],
].map(([name, plural, legs, eats, lives, cry, skill]) => ({
  name: String(name),
  plural: String(plural),
  legs: Number(legs),
  eats: String(eats),
  lives: String(lives),
  cry: String(cry),
  skill: String(skill),
}));

/** What people count, buy and share: singular and plural. */
export const GOODS: readonly (readonly [string, string])[] = [
  ["apple", "apples"],
  ["pear", "pears"],
  ["egg", "eggs"],
  ["button", "buttons"],
  ["candle", "candles"],
  ["nut", "nuts"],
  ["ribbon", "ribbons"],
  ["plum", "plums"],
  ["coin", "coins"],
  ["shell", "shells"],
  ["carrot", "carrots"],
  ["feather", "feathers"],
  ["cherry", "cherries"],
  ["onion", "onions"],
];

/** What people own, lose and find, and what it is made of. */
export const THINGS: readonly (readonly [thing: string, material: string])[] = [
  ["lantern", "tin"],
  ["key", "iron"],
  ["whistle", "bone"],
  ["ring", "silver"],
  ["scarf", "wool"],
  ["map", "paper"],
  ["drum", "leather"],
  ["kite", "silk"],
  ["bell", "brass"],
  ["comb", "horn"],
  ["spoon", "wood"],
  ["cup", "clay"],
  ["mirror", "glass"],
  ["rope", "hemp"],
  ["flute", "reed"],
  ["crown", "gold"],
  ["anchor", "steel"],
  ["basket", "willow"],
];

export const COLOURS = "red blue green yellow white black grey brown purple orange".split(" ");
export const TEMPERS = "brave shy clever patient proud merry stubborn gentle curious lazy".split(
  " ",
);
export const FOODS =
  "soup,porridge,pancakes,dumplings,stew,plum cake,noodles,roast chestnuts,jam,pickles".split(",");
export const PRODUCTS =
  "salt,copper,silk,apples,marble,wine,amber,tea,wool,paper,oil,cherries,slate,barley,lamps,violins".split(
    ",",
  );
export const WEATHERS = [
  "rain",
  "snow",
  "wind",
  "fog",
  "frost",
  "thunder",
  "sunshine",
  "hail",
] as const;
export const DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(" ");
export const HIDING_PLACES = [
  "under the bridge",
  "behind the well",
  "on top of the wall",
  "inside an old boot",
  "between two stones",
  "in the tall grass",
  "beside the stove",
  "under a heap of leaves",
  "in a bird's nest",
  "at the bottom of a barrel",
];
