/** Which GPU the driver's calls are for: a context is current, and stays so until another is entered. */
import type { Driver, Handle } from "./driver.ts";

export class CurrentContext {
  private current: Handle | undefined;

  constructor(private readonly driver: Pick<Driver, "setContext">) {}

  enter(context: Handle): void {
    if (this.current === context) return;
    this.driver.setContext(context);
    this.current = context;
  }
}
