/**
 * One GPU: its context, streams, memory, kernels and products. What is queued runs in order on one stream; uploads and
 * downloads have streams of their own, tied to it by events.
 */
import { whenDone } from "./downloads.ts";
import { Failure } from "./failure.ts";
import type { Compiler, Cublas, CurrentContext, Driver, Handle, Native } from "./ffi/index.ts";
import { architectureOf, gpuInfo } from "./gpuInfo.ts";
import { Launcher } from "./launcher.ts";
import { memorySource } from "./memorySource.ts";
import { Modules } from "./modules.ts";
import { Multiplier } from "./multiplier.ts";
import { connect, type Link } from "./peers.ts";
import { DevicePool } from "./pool.ts";
import type { CubinCache } from "./cubinCache.ts";
import type { CudaRuntime, DeviceMemory, Gemm, GpuInfo, Launch, Precision } from "./runtime.ts";
import { retained } from "./retained.ts";
import { Streams } from "./streams.ts";
import { Transfers } from "./transfers.ts";

/** The libraries that a device is made of; a test hands in recording ones. */
export interface Libraries {
  readonly native: Native;
  readonly driver: Driver;
  readonly compiler: Compiler;
  readonly cublas: Cublas;
  /** Shared by all devices of a process. */
  readonly contexts: CurrentContext;
  readonly cache: CubinCache;
}

export interface DeviceOptions {
  readonly ordinal: number;
  readonly precision: Precision;
  /** Waits after each kernel and product, so that one that fails is named. Slow. */
  readonly checkLaunches: boolean;
}

/** A copy of another GPU's memory, on its way. */
export interface PeerCopy {
  readonly memory: DeviceMemory;
  /** Whatever the other GPU is told from then on comes after the copy: freeing the memory, writing to it. Once. */
  readonly orderAfter: () => void;
}

export class CudaDevice implements CudaRuntime {
  readonly gpu: GpuInfo;
  readonly precision: Precision;
  readonly pool: DevicePool;
  /** To and from the host. */
  readonly transfers: Transfers;
  private readonly failure: Failure;
  /** Its calls are for this GPU. */
  readonly driver: Driver;
  private readonly links = new Map<CudaDevice, Link>();
  private readonly streams: Streams;
  private readonly modules: Modules;
  private readonly launcher: Launcher;
  private readonly multiplier: Multiplier;

  /** @throws backend/gpu-taken; StatusError of the first library that refuses; nothing is held then */
  static open(libraries: Libraries, options: DeviceOptions): CudaDevice {
    const { driver } = libraries;
    const device = driver.device(options.ordinal);
    const context = retained(driver, device);
    try {
      return new CudaDevice(libraries, options, device, context);
    } catch (error) {
      driver.releaseContext(device);
      throw error;
    }
  }

  private constructor(
    private readonly libraries: Libraries,
    options: DeviceOptions,
    readonly device: number,
    readonly context: Handle,
  ) {
    const { native, compiler, cublas, cache } = libraries;
    this.precision = options.precision;
    this.gpu = gpuInfo(libraries.driver, device);
    this.failure = new Failure(this.gpu.name);
    // One that failed or was given back is not asked anything, not even by a read under way.
    const enter = (): void => {
      this.failure.assertNone();
      libraries.contexts.enter(context);
    };
    const driver = libraries.driver.inContext(enter);
    this.driver = driver;
    enter();
    this.streams = new Streams(driver);
    const { failure, streams } = this;
    const stream = streams.compute;
    const source = memorySource(driver, device, stream);
    const { name: gpu } = this.gpu;
    this.pool = new DevicePool({ source, stream, gpu, memory: () => driver.memory() });
    this.modules = new Modules(driver, compiler, architectureOf(this.gpu), cache);
    const { modules, pool } = this;
    const queued = (): void => {
      if (options.checkLaunches) driver.synchronise(stream);
    };
    this.launcher = new Launcher({ driver, native, modules, stream, failure, pool, queued });
    this.transfers = new Transfers({ driver, native, streams, pool, failure });
    const parts = { cublas, stream, failure, enter, pool, queued };
    this.multiplier = new Multiplier({ ...parts, runtime: this });
  }

  allocate(bytes: number): DeviceMemory {
    return this.failure.guarded(() => this.pool.allocate(bytes));
  }

  free(memory: DeviceMemory): void {
    // A device that failed takes nothing back; the error is thrown to whoever reads or computes.
    if (this.failure.happened) return;
    this.failure.guarded(() => {
      this.pool.free(memory);
    });
  }

  launch(launch: Launch): void {
    this.launcher.launch(launch);
  }

  gemm(product: Gemm): void {
    this.multiplier.gemm(product);
  }

  get exact(): boolean {
    return this.multiplier.exact;
  }

  /** Products of float32 operands that `queue` queues are computed in full float32, whatever they ask for. */
  exactly<T>(queue: () => T): T {
    return this.multiplier.exactly(queue);
  }

  toBf16(source: number, elements: number): DeviceMemory {
    return this.multiplier.toBf16(source, elements);
  }

  fill(address: number, byte: number, bytes: number): void {
    if (bytes === 0) return;
    this.failure.guarded(() => {
      this.driver.fill(address, byte, bytes, this.streams.compute);
    });
  }

  copy(target: number, source: number, bytes: number): void {
    if (bytes === 0) return;
    this.failure.guarded(() => {
      this.driver.onDevice(target, source, bytes, this.streams.compute);
    });
  }

  /** Finds out how this GPU reaches the other's memory, and makes it so. */
  connect(other: CudaDevice): void {
    this.links.set(other, connect(this, other));
  }

  linkTo(other: CudaDevice): Link {
    return this.links.get(other) ?? "staged";
  }

  /** New memory here with what is in another GPU's, once that is computed. */
  copyFrom(other: CudaDevice, { address, bytes }: DeviceMemory): PeerCopy {
    const memory = this.allocate(bytes);
    const ready = other.failure.guarded(() => other.streams.mark());
    const done = this.failure.guarded(() => {
      this.driver.waitEvent(this.streams.compute, ready);
      const { driver, context, streams } = this;
      const to = { address: memory.address, context };
      const from = { address, context: other.context };
      if (bytes > 0 && this.linkTo(other) === "staged") {
        driver.betweenDevices(to, from, bytes, streams.compute);
      } else if (bytes > 0) {
        driver.onDevice(memory.address, address, bytes, streams.compute);
      }
      return this.streams.mark();
    });
    other.failure.guarded(() => {
      other.driver.destroyEvent(ready);
    });
    const orderAfter = (): void => {
      if (other.failure.happened || this.failure.happened) return;
      other.failure.guarded(() => {
        other.driver.waitEvent(other.streams.compute, done);
      });
      this.failure.guarded(() => {
        this.driver.destroyEvent(done);
      });
    };
    return { memory, orderAfter };
  }

  /** Milliseconds the device spends on what `queue` queues. */
  async time(queue: () => void): Promise<number> {
    const { driver, failure, streams } = this;
    const events: Handle[] = [];
    const mark = (): Handle => {
      const event = failure.guarded(() => streams.mark(true));
      events.push(event);
      return event;
    };
    try {
      const start = mark();
      queue();
      const end = mark();
      await whenDone(driver, end);
      return driver.elapsedMs(start, end);
    } catch (error) {
      throw failure.of(error);
    } finally {
      for (const event of failure.happened ? [] : events) driver.destroyEvent(event);
    }
  }

  /** What the device has left, after what every process on it took. */
  freeBytes(): number {
    return this.failure.guarded(() => this.driver.memory().free);
  }

  /** Waits until the device has nothing left to do; one that failed never will. */
  finish(): void {
    if (this.failure.happened) return;
    this.failure.guarded(() => {
      this.streams.synchronise();
    });
  }

  /** Gives everything back. After a failure the driver cleans up when the process ends. */
  dispose(): void {
    this.finish();
    if (this.failure.happened) return;
    this.transfers.dispose();
    this.libraries.contexts.enter(this.context);
    this.multiplier.dispose();
    this.pool.dispose();
    this.modules.unload();
    this.streams.dispose();
    this.driver.releaseContext(this.device);
    this.failure.close();
  }
}
