/** The queues of one GPU: all computation in order on one, uploads and downloads beside it, tied to it by events. */
import type { Driver, Handle } from "./ffi/index.ts";

export class Streams {
  readonly compute: Handle;
  readonly upload: Handle;
  readonly download: Handle;

  constructor(private readonly driver: Driver) {
    this.compute = driver.createStream();
    this.upload = driver.createStream();
    this.download = driver.createStream();
  }

  /** An event after all that is queued. */
  mark(timing = false, stream = this.compute): Handle {
    const event = this.driver.createEvent(timing);
    this.driver.record(event, stream);
    return event;
  }

  /** What is queued on `later` from now on waits for what is queued on `earlier` by now. */
  order(earlier: Handle, later: Handle): void {
    const event = this.mark(false, earlier);
    this.driver.waitEvent(later, event);
    this.driver.destroyEvent(event);
  }

  /** Waits until none has anything left to do. */
  synchronise(): void {
    this.all.forEach((stream) => {
      this.driver.synchronise(stream);
    });
  }

  dispose(): void {
    this.all.forEach((stream) => {
      this.driver.destroyStream(stream);
    });
  }

  private get all(): readonly Handle[] {
    return [this.compute, this.upload, this.download];
  }
}
