/** The choice of a device. What there is takes seconds to find out: asked for when the list is opened first. */
import { h } from "../charts/index.ts";
import { fillSelect, select } from "./controls.ts";
import { DEVICE_CHOICES } from "../../daemon/vocabulary.ts";
import type { DeviceChoice, FormValues } from "./messages.ts";

type Device = FormValues["device"];

export interface DeviceField {
  readonly element: HTMLElement;
  set(device: Device): void;
  list(devices: readonly DeviceChoice[]): void;
}

const WORDS: Readonly<Record<(typeof DEVICE_CHOICES)[number], string>> = {
  auto: "auto: the best there is",
  cuda: "cuda: NVIDIA",
  tensorflow: "tensorflow: an installed tfjs-node",
  webgpu: "webgpu: any GPU",
  wasm: "wasm: the processor",
};

export function deviceField(look: () => void, onChange: (device: Device) => void): DeviceField {
  const detail = h("span", { class: "form-hint" });
  const plain: { readonly value: Device; readonly label: string }[] = DEVICE_CHOICES.map(
    (value) => ({ value, label: WORDS[value] }),
  );
  const control = select("Device", plain, (device) => {
    onChange(device);
  });
  let known: readonly DeviceChoice[] = [];
  const fill = () => {
    fillSelect(
      control,
      plain.map(({ value, label }) => {
        const missing = known.some(
          ({ device, available }) => device === nameOf(value) && !available,
        );
        return { value, label: missing ? `${label} (not available)` : label, disabled: missing };
      }),
    );
  };
  let asked = false;
  const tell = () => {
    detail.textContent = known.find(({ device }) => device === nameOf(control.value))?.detail ?? "";
  };
  control.addEventListener("focus", () => {
    if (!asked) look();
    asked = true;
  });
  control.addEventListener("change", tell);
  return {
    element: h("div", { class: "form-row" }, control, detail),
    set(device) {
      // Some of several GPUs, by the setting: nobody else is offered them.
      if (!plain.some(({ value }) => value === device)) {
        const gpus = device.slice("cuda:".length);
        const many = gpus.includes(",");
        plain.push({ value: device, label: `${device}: NVIDIA, GPU${many ? "s" : ""} ${gpus}` });
        fill();
      }
      control.value = device;
      tell();
    },
    list(devices) {
      known = devices;
      fill();
      tell();
    },
  };
}

/** `cuda:1` is there where `cuda` is. */
const nameOf = (device: string): string => device.split(":")[0] ?? device;
