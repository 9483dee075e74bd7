/** `denoise-rotator devices` */
import { screenFor, writeJson } from "./context.ts";
import type { Context } from "./context.ts";
import { table } from "./terminal/table.ts";
import { printable, wrap } from "./terminal/text.ts";

export async function devicesCommand(context: Context, json: boolean): Promise<void> {
  const devices = await context.engine.listDevices();
  if (json) {
    writeJson(context, { devices });
    return;
  }
  const screen = screenFor(context, json);
  const { style } = screen;
  const chosen = devices.find((device) => device.available && device.automatic)?.device;
  const state = (device: (typeof devices)[number]): string =>
    device.device === chosen
      ? style.green("✓ auto takes it")
      : device.available
        ? style.green("✓ available")
        : style.dim("– not here");
  const room = Math.max(40, Math.min(screen.columns, 120) - 34);
  const lines = (label: string, text: string): readonly (readonly string[])[] =>
    wrap(printable(text), room).map((line, i) => ["", i === 0 ? style.dim(label) : "", line]);
  screen.print(
    "",
    ...table(
      [{ title: "  device" }, { title: "state" }, { title: "" }],
      devices.flatMap((device, i) => {
        const [first = "", ...more] = wrap(printable(device.detail), room);
        return [
          ...(i === 0 ? [] : [null]),
          [`  ${style.bold(device.device)}`, state(device), first],
          ...more.map((line) => ["", "", line]),
          ...(device.missing === undefined ? [] : lines("missing", device.missing)),
          ...(device.remedy === undefined ? [] : lines("to get it", device.remedy)),
        ];
      }),
      style.dim,
    ),
    "",
    `  ${style.dim("Choose one with --device <name>; auto takes the first that is available and not emulated.")}`,
    "",
  );
}
