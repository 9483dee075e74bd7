/** What can be done about a job, by its state. */
import type { JobView, PageCommand } from "../../messages.ts";

export interface Offer {
  readonly command: PageCommand;
  readonly label: string;
  readonly primary: boolean;
}

export function offersFor({ state, resumable, output }: JobView): Offer[] {
  const offers: (Offer | null)[] = [
    state === "queued" || state === "running"
      ? { command: "cancel", label: "Cancel", primary: false }
      : null,
    resumable ? { command: "resume", label: "Resume", primary: true } : null,
    output === null ? null : { command: "openReport", label: "Open Report", primary: true },
    output === null ? null : { command: "openOutput", label: "Open Output Folder", primary: false },
    { command: "showLog", label: "Show Log", primary: false },
  ];
  return offers.filter((offer) => offer !== null);
}
