/** A walk across the map: each day leads to the neighbouring town, and the way home is the way back. */
import type { Dice } from "../dice.ts";
import { WEATHERS } from "../lexicon.ts";
import { a, capital, list, numeral, ordinal } from "../words.ts";
import { DIRECTIONS, neighbour, ways, WORLD, type Town } from "../world.ts";
import { glimpse } from "./scene.ts";

export function journey(dice: Dice): string {
  const walker = dice.pick(WORLD.people);
  const days = dice.between(2, 5);
  let here: Town = walker.town;
  const seen = [here];
  const lines = [
    `${walker.name} the ${walker.trade.name} {set out from|left} ${here.name} ` +
      `{to sell ${walker.trade.makes}|to see the world|with ${walker.petName} the ${walker.pet.name}}. `,
  ];
  for (let day = 0; day < days; day++) {
    const way = dice.pick(ways(here));
    here = neighbour(here, way) ?? here;
    lines.push(
      `On the ${ordinal(day)} day ${walker.she} {walked|went|travelled} ${way} ` +
        `{through the ${dice.pick(WEATHERS)} |}and came to ${here.name}, ` +
        `{where the gate is ${here.gate}|the town of ${here.product}|on the river ${here.river}}. `,
    );
    if (dice.chance(0.4)) {
      const mayor = WORLD.mayor(here);
      lines.push(
        `{The mayor, ${mayor.name},|There ${mayor.name}, the mayor,} ` +
          `{offered ${walker.her}|gave ${walker.her}} ${mayor.food}. `,
      );
    }
    if (dice.chance(0.4)) lines.push(glimpse(dice));
    seen.push(here);
  }
  const column = here.column - walker.town.column;
  const row = here.row - walker.town.row;
  lines.push(
    `After ${numeral(days)} days ${walker.she} had seen ${list(seen.map((t) => t.name))}. `,
    column === 0 && row === 0
      ? `${capital(walker.she)} was home again.`
      : `${walker.town.name} was now ${wayHome(column, row)}, so ${walker.she} turned back ` +
          `{with ${a(walker.temper)} heart|at dawn}.`,
  );
  return dice.say(lines.join(""));
}

/** The displacement undone: `two days to the west and one day to the north`. */
function wayHome(column: number, row: number): string {
  const legs = (
    [
      [column, column > 0 ? "east" : "west"],
      [row, row > 0 ? "south" : "north"],
    ] as const
  ).filter(([n]) => n !== 0);
  return legs
    .map(([n, way]) => {
      const days = Math.abs(n);
      return `${numeral(days)} ${days === 1 ? "day" : "days"} to the ${DIRECTIONS[way].back}`;
    })
    .join(" and ");
}
