/** Bytes on their way between the host and one GPU, beside what it computes. */
import { Downloads, whenDone } from "./downloads.ts";
import type { Failure } from "./failure.ts";
import { StatusError, type Driver, type Handle, type Native } from "./ffi/index.ts";
import { pinned, type Pinned } from "./pinned.ts";
import type { DevicePool } from "./pool.ts";
import type { DeviceMemory } from "./runtime.ts";
import type { Streams } from "./streams.ts";
import { Uploads } from "./uploads.ts";

const MIB = 2 ** 20;
/** Small arrays are packed together and go with the computation; from here on they go beside it. */
const LARGE_UPLOAD_BYTES = MIB;
const SMALL_UPLOADS = { slots: 4, slotBytes: MIB / 2 };
const LARGE_UPLOADS = { slots: 8, slotBytes: 4 * MIB };
const DOWNLOADS = { slots: 4, slotBytes: 4 * MIB };

export interface TransferParts {
  readonly driver: Driver;
  readonly native: Native;
  readonly streams: Streams;
  readonly pool: DevicePool;
  readonly failure: Failure;
}

export class Transfers {
  private readonly small: Uploads;
  private readonly large: Uploads;
  private readonly downloads: Downloads;

  constructor(private readonly of: TransferParts) {
    const { driver, native, streams } = of;
    this.small = new Uploads(driver, native, streams.compute, SMALL_UPLOADS);
    this.large = new Uploads(driver, native, streams.upload, LARGE_UPLOADS);
    this.downloads = new Downloads(driver, native, streams.download, DOWNLOADS);
  }

  /**
   * A page-locked array, whose memory this and the other GPUs copy by themselves.
   *
   * @returns undefined when the machine gives no more of it
   */
  hostMemory(bytes: number): Pinned | undefined {
    const { driver, native, failure } = this.of;
    return failure.guarded(() => pinned(driver, native, bytes));
  }

  releaseHost(memory: Pinned): void {
    const { failure } = this.of;
    if (failure.happened) return;
    failure.guarded(() => {
      memory.release();
    });
  }

  /**
   * New memory with these bytes in it. Large ones travel while earlier work computes.
   *
   * @param host where they lie, if in page-locked memory: they must stay until {@link uploaded}
   */
  upload(bytes: Uint8Array, host?: number): DeviceMemory {
    const { failure, pool } = this.of;
    return failure.guarded(() => {
      if (host !== undefined) return this.uploadFrom(host, bytes.length);
      const beside = bytes.length >= LARGE_UPLOAD_BYTES && pool.anyStream;
      const ring = beside ? this.large : this.small;
      const memory = pool.allocate(bytes.length, ring.stream);
      try {
        ring.copy(bytes, memory.address);
      } catch (error) {
        // Without page-locked memory nothing was copied; a status ends the device.
        if (!(error instanceof StatusError)) {
          this.beforeWork(ring.stream);
          pool.free(memory);
        }
        throw error;
      }
      this.beforeWork(ring.stream);
      return memory;
    });
  }

  /** Resolves when what was uploaded from page-locked memory so far has left it. */
  async uploaded(): Promise<void> {
    const { driver, failure, streams } = this.of;
    const event = failure.guarded(() => streams.mark(false, this.uploadStream));
    try {
      await whenDone(driver, event);
      driver.destroyEvent(event);
    } catch (error) {
      throw failure.of(error);
    }
  }

  /**
   * The bytes as they are after all that is queued now; the memory must stay until the promise settles.
   *
   * @param host where the target lies, if in page-locked memory
   * @throws backend/device-failed also when the failure came after the copy: what was read may be wrong then
   */
  async download(address: number, target: Uint8Array, host?: number): Promise<void> {
    if (target.length === 0) return;
    const { failure, streams } = this.of;
    const ready = failure.guarded(() => streams.mark());
    try {
      if (host === undefined) await this.downloads.copy(address, target, ready);
      else await this.downloads.direct(address, host, target.length, ready);
    } catch (error) {
      throw failure.of(error);
    } finally {
      this.forget(ready);
    }
    failure.assertNone();
  }

  /** As {@link download}, but the process waits. */
  downloadNow(address: number, target: Uint8Array): void {
    if (target.length === 0) return;
    const { failure, streams } = this.of;
    const ready = failure.guarded(() => streams.mark());
    try {
      failure.guarded(() => {
        this.downloads.copyNow(address, target, ready);
      });
    } finally {
      this.forget(ready);
    }
  }

  dispose(): void {
    this.small.dispose();
    this.large.dispose();
    this.downloads.dispose();
  }

  private uploadFrom(host: number, bytes: number): DeviceMemory {
    const { driver, pool } = this.of;
    const memory = pool.allocate(bytes, this.uploadStream);
    if (bytes > 0) driver.toDevice(memory.address, host, bytes, this.uploadStream);
    this.beforeWork(this.uploadStream);
    return memory;
  }

  /** What the computation is told from now on comes after: using what was allocated there, and freeing it. */
  private beforeWork(stream: Handle): void {
    const { streams } = this.of;
    if (stream !== streams.compute) streams.order(stream, streams.compute);
  }

  /** Beside the computation, where memory may be taken for another stream. */
  private get uploadStream(): Handle {
    return this.of.pool.anyStream ? this.large.stream : this.of.streams.compute;
  }

  private forget(event: Handle): void {
    const { driver, failure } = this.of;
    if (failure.happened) return;
    failure.guarded(() => {
      driver.destroyEvent(event);
    });
  }
}
