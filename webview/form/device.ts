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

const WORDS: Readonly<Record<Device, string>> = {
  auto: "auto: the best there is",
  cuda: "cuda: NVIDIA",
  tensorflow: "tensorflow: an installed tfjs-node",
  webgpu: "webgpu: any GPU",
  wasm: "wasm: the processor",
};

export function deviceField(look: () => void, onChange: (device: Device) => void): DeviceField {
  const detail = h("span", { class: "form-hint" });
  const plain = DEVICE_CHOICES.map((value) => ({ value, label: WORDS[value] }));
  const control = select("Device", plain, (device) => {
    onChange(device);
  });
  let known: readonly DeviceChoice[] = [];
  let asked = false;
  const tell = () => {
    detail.textContent = known.find(({ device }) => device === control.value)?.detail ?? "";
  };
  control.addEventListener("focus", () => {
    if (!asked) look();
    asked = true;
  });
  control.addEventListener("change", tell);
  return {
    element: h("div", { class: "form-row" }, control, detail),
    set(device) {
      control.value = device;
      tell();
    },
    list(devices) {
      known = devices;
      fillSelect(
        control,
        plain.map(({ value, label }) => {
          const missing = devices.some(({ device, available }) => device === value && !available);
          return { value, label: missing ? `${label} (not available)` : label, disabled: missing };
        }),
      );
      tell();
    },
  };
}
