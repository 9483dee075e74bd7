/** Show Devices: what can compute here, what is missing, and which one to use. */
import {
  env,
  ProgressLocation,
  QuickPickItemKind,
  window,
  workspace,
  ConfigurationTarget,
  type QuickPickItem,
} from "vscode";
import { DEVICES, type DeviceReport, type DeviceRequest } from "../../daemon/protocol.ts";
import type { Host } from "../host.ts";
import { readSettings, SECTION } from "../settings.ts";

interface DeviceItem extends QuickPickItem {
  readonly device?: DeviceRequest;
  readonly remedy?: string;
}

export async function showDevices({ client }: Host): Promise<void> {
  const { devices } = await window.withProgress(
    { location: ProgressLocation.Notification, title: "Looking for devices …", cancellable: true },
    (_, token) => client.request(DEVICES, { refresh: true }, token),
  );
  const current = readSettings().device;
  const automatic = devices.find(({ available, automatic }) => available && automatic);
  const items: DeviceItem[] = [
    {
      label: `${mark(current === "auto")}auto`,
      description: automatic ? `takes ${automatic.device}` : "finds none",
      detail: "The first of those below that is there and made for it.",
      device: "auto",
    },
    { label: "on this machine", kind: QuickPickItemKind.Separator },
    ...devices.map((report) => itemOf(report, current)),
  ];
  const picked = await window.showQuickPick(items, {
    title: "Devices: choose the default for new runs",
    placeHolder: "A device that is missing: copies the command that brings it",
    matchOnDetail: true,
  });
  if (picked?.device !== undefined) {
    await workspace
      .getConfiguration(SECTION)
      .update("device", picked.device, ConfigurationTarget.Global);
  } else if (picked?.remedy !== undefined) {
    await env.clipboard.writeText(picked.remedy);
    void window.showInformationMessage(`Copied: ${picked.remedy}`);
  }
}

function itemOf(report: DeviceReport, current: DeviceRequest): DeviceItem {
  const { device, available, detail, missing, remedy } = report;
  // `cuda:1` is of `cuda`.
  const chosen = current.split(":")[0] === device;
  const some = chosen && current !== device ? `the setting says ${current}` : "";
  const state = available ? (missing === undefined ? "" : "could be faster") : "not available";
  // A line each, which is cut where the list ends: the command is what a person must see whole.
  const why = remedy === undefined || missing === undefined ? state : `${state}: ${missing}`;
  const how = remedy === undefined ? (available ? "" : (missing ?? "")) : `→ ${remedy}`;
  const item = {
    label: `${available ? mark(chosen) : "$(circle-slash) "}${device}`,
    description: [some, why].filter((part) => part !== "").join(" · "),
    detail: [available ? detail : "", how].join(" ").trim(),
  };
  if (available) return { ...item, device };
  return remedy === undefined ? item : { ...item, remedy };
}

const mark = (chosen: boolean): string => (chosen ? "$(check) " : "$(blank) ");
