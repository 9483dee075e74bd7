/** Order: who came in when, the same told back to front, and what follows for pairs. */
import type { Dice } from "../dice.ts";
import { a, capital, list, ordinal } from "../words.ts";
import { WORLD } from "../world.ts";
import { intoTheDay } from "./shared.ts";

export function race(dice: Dice): string {
  const runners = dice.sample(WORLD.people, dice.between(3, 5));
  const names = runners.map((p) => p.name);
  const [winner] = runners;
  if (winner === undefined) throw new RangeError("an empty world");
  const places = runners.map((p, i) =>
    i === 0
      ? `${p.name} the ${p.trade.name} came in first`
      : i === runners.length - 1
        ? `${p.name} was last`
        : `${p.name} was ${ordinal(i)}`,
  );
  const i = dice.below(runners.length - 1);
  const j = dice.between(i + 1, runners.length - 1);
  const [ahead = "", behind = ""] = [names[i], names[j]];
  return dice.say(
    `${intoTheDay(dice)} {there was a race|a race was held} in ${dice.pick(WORLD.towns).name}. ` +
      `{The runners were|At the start stood} ${list([...names].sort())}. ` +
      `${capital(list(places))}. ` +
      `{The prize was ${a(winner.treasureMaterial)} ${dice.pick(["cup", "bell", "crown"])}, and ${winner.name} took it home to ${winner.town.name}. |}` +
      `{Told from the end|From last to first}, they were ${list([...names].reverse())}. ` +
      `{So ${ahead} was faster than ${behind}|So ${behind} was slower than ${ahead}|"Next time I will beat you," said ${behind} to ${ahead}}.`,
  );
}
