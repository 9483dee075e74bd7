/**
 * One GPU: its context, streams, memory, kernels and products. What is queued runs in order on one stream; uploads and
 * downloads have streams of their own, tied to it by events.
 *
 * A status that tells of a failure ends the device: work queued before it may be lost with it, so every later call
 * throws the same error instead of handing out what is left in memory.
 */
import type { DenoiseError } from "../../errors.ts";
import { deviceFailed } from "../errors.ts";
import convert from "./convert.cu";
import { Downloads, whenDone } from "./downloads.ts";
import {
  ATTRIBUTE,
  StatusError,
  type Compiler,
  type Cublas,
  type CurrentContext,
  type Driver,
  type Handle,
  type Native,
} from "./ffi/index.ts";
import { inFastLayout } from "./layouts.ts";
import { driverPool, keptBlocks, type MemorySource } from "./memorySource.ts";
import { Modules } from "./modules.ts";
import { Parameters } from "./parameters.ts";
import { pinned, type Pinned } from "./pinned.ts";
import { DevicePool } from "./pool.ts";
import { columnProduct, spanOf } from "./products.ts";
import type { CubinCache } from "./cubinCache.ts";
import {
  i64,
  pointer,
  type CudaRuntime,
  type DeviceMemory,
  type Gemm,
  type GpuInfo,
  type Launch,
  type Precision,
} from "./runtime.ts";
import { Uploads } from "./uploads.ts";

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
  /** Waits after each launch, so that a failing kernel is named. Slow. */
  readonly checkLaunches: boolean;
}

const MIB = 2 ** 20;
/** cuBLAS' own recommendation for Hopper is 32 MiB; what does not fit falls back to slower algorithms. */
const WORKSPACE_BYTES = 64 * MIB;
/** Small arrays are packed together and go with the computation; from here on they go beside it. */
const LARGE_UPLOAD_BYTES = MIB;
const SMALL_UPLOADS = { slots: 4, slotBytes: MIB / 2 };
const LARGE_UPLOADS = { slots: 8, slotBytes: 4 * MIB };
const DOWNLOADS = { slots: 4, slotBytes: 4 * MIB };

/** The device's own program, beside those of the kernels. */
export const CONVERT = { name: "convert.cu", source: convert };
const CONVERT_THREADS = 256;
const CONVERT_BLOCKS_PER_MULTIPROCESSOR = 16;

export class CudaDevice implements CudaRuntime {
  readonly gpu: GpuInfo;
  readonly precision: Precision;
  readonly pool: DevicePool;
  private failure: DenoiseError | undefined;
  private exact = false;
  private readonly driver: Driver;
  private readonly stream: Handle;
  private readonly streams: readonly Handle[];
  private readonly blas: Handle;
  private readonly modules: Modules;
  private readonly parameters: Parameters;
  private readonly small: Uploads;
  private readonly large: Uploads;
  private readonly downloads: Downloads;

  /** @throws StatusError of the first library that refuses; nothing is held then */
  static open(libraries: Libraries, options: DeviceOptions): CudaDevice {
    const { driver } = libraries;
    const device = driver.device(options.ordinal);
    const context = driver.retainContext(device);
    try {
      return new CudaDevice(libraries, options, device, context);
    } catch (error) {
      driver.releaseContext(device);
      throw error;
    }
  }

  private constructor(
    private readonly libraries: Libraries,
    private readonly options: DeviceOptions,
    private readonly device: number,
    private readonly context: Handle,
  ) {
    const { native, cublas } = libraries;
    const driver = libraries.driver.inContext(() => {
      this.enter();
    });
    this.driver = driver;
    this.enter();
    this.precision = options.precision;
    this.gpu = gpuInfo(driver, device);
    const [stream, upload, download] = [0, 1, 2].map(() => driver.createStream()) as [
      Handle,
      Handle,
      Handle,
    ];
    this.stream = stream;
    this.streams = [stream, upload, download];
    const source = memorySource(driver, device, stream);
    const { name: gpu } = this.gpu;
    this.pool = new DevicePool({ source, stream, gpu, memory: () => driver.memory() });
    this.modules = new Modules(
      driver,
      libraries.compiler,
      architectureOf(this.gpu),
      libraries.cache,
    );
    this.parameters = new Parameters(native);
    this.small = new Uploads(driver, native, stream, SMALL_UPLOADS);
    this.large = new Uploads(driver, native, upload, LARGE_UPLOADS);
    this.downloads = new Downloads(driver, native, download, DOWNLOADS);
    this.blas = cublas.create();
    cublas.setStream(this.blas, stream);
    const workspace = this.pool.allocate(WORKSPACE_BYTES);
    cublas.setWorkspace(this.blas, workspace.address, workspace.bytes);
  }

  allocate(bytes: number): DeviceMemory {
    return this.guarded(() => this.pool.allocate(bytes));
  }

  free(memory: DeviceMemory): void {
    // A device that failed takes nothing back; the error is thrown to whoever reads or computes.
    if (this.failure === undefined)
      this.guarded(() => {
        this.pool.free(memory);
      });
  }

  launch({ program, entry, grid, block, sharedBytes = 0, args }: Launch): void {
    // The driver takes a launch without blocks for a mistake; of an empty tensor there is nothing to compute.
    if (grid.includes(0)) return;
    this.guarded(
      () => {
        const kernel = this.modules.kernel(program, entry);
        if (sharedBytes > kernel.allowedSharedBytes) {
          this.driver.allowSharedBytes(kernel.handle, sharedBytes);
          kernel.allowedSharedBytes = sharedBytes;
        }
        this.parameters.pack(args);
        const shape = {
          grid: [grid[0], grid[1] ?? 1, grid[2] ?? 1],
          block: [block[0], block[1] ?? 1, block[2] ?? 1],
          sharedBytes,
        } as const;
        this.driver.launch(kernel.handle, shape, this.stream, this.parameters.extra);
        if (this.options.checkLaunches) this.driver.synchronise(this.stream);
      },
      () => `${program.name}: ${entry} [${grid.join()}] × [${block.join()}]`,
    );
  }

  gemm(product: Gemm): void {
    const { storedA = "f32", storedB = "f32" } = product;
    const precision = this.exact ? "f32" : (product.precision ?? this.precision);
    if (precision !== "bf16" && storedA === "f32" && storedB === "f32") {
      const multiply = (of: Gemm): void => {
        this.multiply(of, precision, "f32");
      };
      if (precision === "tf32") inFastLayout(this, product, multiply);
      else multiply(product);
      return;
    }
    const made: DeviceMemory[] = [];
    const rounded = (operand: "a" | "b"): number => {
      const copy = this.toBf16(product[operand], spanOf(product, operand));
      made.push(copy);
      return copy.address;
    };
    try {
      const a = storedA === "f32" ? rounded("a") : product.a;
      const b = storedB === "f32" ? rounded("b") : product.b;
      this.multiply({ ...product, a, b }, "bf16", "bf16");
    } finally {
      for (const copy of made) this.free(copy);
    }
  }

  /** Products of float32 operands that `queue` queues are computed in full float32, whatever they ask for. */
  exactly<T>(queue: () => T): T {
    const before = this.exact;
    this.exact = true;
    try {
      return queue();
    } finally {
      this.exact = before;
    }
  }

  toBf16(source: number, elements: number): DeviceMemory {
    const target = this.allocate(2 * elements);
    const most = this.gpu.multiprocessors * CONVERT_BLOCKS_PER_MULTIPROCESSOR;
    const blocks = Math.ceil(elements / (2 * CONVERT_THREADS));
    try {
      this.launch({
        program: CONVERT,
        entry: "f32_to_bf16",
        grid: [Math.min(blocks, most)],
        block: [CONVERT_THREADS],
        args: [pointer(source), pointer(target.address), i64(elements)],
      });
      return target;
    } catch (error) {
      this.free(target);
      throw error;
    }
  }

  fill(address: number, byte: number, bytes: number): void {
    if (bytes > 0)
      this.guarded(() => {
        this.driver.fill(address, byte, bytes, this.stream);
      });
  }

  copy(target: number, source: number, bytes: number): void {
    if (bytes === 0) return;
    this.guarded(() => {
      this.driver.onDevice(target, source, bytes, this.stream);
    });
  }

  /** New memory here with what is in another GPU's, once that is computed; the other may be freed at once. */
  copyFrom(other: CudaDevice, { address, bytes }: DeviceMemory): DeviceMemory {
    const target = this.allocate(bytes);
    const ready = other.guarded(() => other.mark(false));
    const done = this.guarded(() => {
      this.driver.waitEvent(this.stream, ready);
      const to = { address: target.address, context: this.context };
      const from = { address, context: other.context };
      if (bytes > 0) this.driver.betweenDevices(to, from, bytes, this.stream);
      return this.mark(false);
    });
    other.guarded(() => {
      other.driver.waitEvent(other.stream, done);
      other.driver.destroyEvent(ready);
    });
    this.guarded(() => {
      this.driver.destroyEvent(done);
    });
    return target;
  }

  /**
   * A page-locked array, whose memory this and the other GPUs copy by themselves.
   *
   * @returns undefined when the machine gives no more of it
   */
  hostMemory(bytes: number): Pinned | undefined {
    return this.guarded(() => pinned(this.driver, this.libraries.native, bytes));
  }

  releaseHost(memory: Pinned): void {
    if (this.failure !== undefined) return;
    this.guarded(() => {
      memory.release();
    });
  }

  /**
   * New memory with these bytes in it. Large ones travel while earlier work computes.
   *
   * @param host where they lie, if in page-locked memory: they must stay until {@link uploaded}
   */
  upload(bytes: Uint8Array, host?: number): DeviceMemory {
    return this.guarded(() => {
      if (host !== undefined) return this.uploadFrom(host, bytes.length);
      const beside = bytes.length >= LARGE_UPLOAD_BYTES && this.pool.anyStream;
      const ring = beside ? this.large : this.small;
      const memory = this.pool.allocate(bytes.length, ring.stream);
      try {
        ring.copy(bytes, memory.address);
      } catch (error) {
        // Without page-locked memory nothing was copied; a status ends the device.
        if (!(error instanceof StatusError)) this.pool.free(memory);
        throw error;
      }
      if (ring.stream !== this.stream) this.order(ring.stream, this.stream);
      return memory;
    });
  }

  /** Resolves when what was uploaded from page-locked memory so far has left it. */
  async uploaded(): Promise<void> {
    const event = this.guarded(() => this.mark(false, this.uploadStream));
    try {
      await whenDone(this.driver, event);
      this.driver.destroyEvent(event);
    } catch (error) {
      throw this.failed(error);
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
    const ready = this.guarded(() => this.mark(false));
    try {
      if (host === undefined) await this.downloads.copy(address, target, ready);
      else await this.downloads.direct(address, host, target.length, ready);
    } catch (error) {
      throw this.failed(error);
    } finally {
      this.forget(ready);
    }
    if (this.failure !== undefined) throw this.failure;
  }

  /** As {@link download}, but the process waits. */
  downloadNow(address: number, target: Uint8Array): void {
    if (target.length === 0) return;
    const ready = this.guarded(() => this.mark(false));
    try {
      this.guarded(() => {
        this.downloads.copyNow(address, target, ready);
      });
    } finally {
      this.forget(ready);
    }
  }

  /** Milliseconds the device spends on what `queue` queues. */
  async time(queue: () => void): Promise<number> {
    const start = this.guarded(() => this.mark(true));
    queue();
    const end = this.guarded(() => this.mark(true));
    try {
      await whenDone(this.driver, end);
      return this.driver.elapsedMs(start, end);
    } catch (error) {
      throw this.failed(error);
    } finally {
      if (this.failure === undefined) {
        this.driver.destroyEvent(start);
        this.driver.destroyEvent(end);
      }
    }
  }

  /** What the device has left, after what every process on it took. */
  freeBytes(): number {
    return this.guarded(() => this.driver.memory().free);
  }

  /** Waits until the device has nothing left to do. */
  synchronise(): void {
    this.guarded(() => {
      this.streams.forEach((stream) => {
        this.driver.synchronise(stream);
      });
    });
  }

  /** Gives everything back. After a failure the driver cleans up when the process ends. */
  dispose(): void {
    if (this.failure !== undefined) return;
    this.synchronise();
    this.small.dispose();
    this.large.dispose();
    this.downloads.dispose();
    this.enter();
    this.libraries.cublas.destroy(this.blas);
    this.pool.dispose();
    this.modules.unload();
    for (const stream of this.streams) this.driver.destroyStream(stream);
    this.driver.releaseContext(this.device);
  }

  private multiply(product: Gemm, precision: Precision, stored: "f32" | "bf16"): void {
    this.guarded(
      () => {
        this.enter();
        this.libraries.cublas.multiply(this.blas, columnProduct(product, precision, stored));
      },
      () =>
        `product [${product.m}, ${product.k}] × [${product.k}, ${product.n}] × ${product.batch ?? 1}`,
    );
  }

  private enter(): void {
    this.libraries.contexts.enter(this.context);
  }

  private uploadFrom(host: number, bytes: number): DeviceMemory {
    const memory = this.pool.allocate(bytes, this.uploadStream);
    if (bytes > 0) this.driver.toDevice(memory.address, host, bytes, this.uploadStream);
    if (this.uploadStream !== this.stream) this.order(this.uploadStream, this.stream);
    return memory;
  }

  /** Beside the computation, where memory may be taken for another stream. */
  private get uploadStream(): Handle {
    return this.pool.anyStream ? this.large.stream : this.stream;
  }

  /** An event after all that is queued. */
  private mark(timing: boolean, stream = this.stream): Handle {
    const event = this.driver.createEvent(timing);
    this.driver.record(event, stream);
    return event;
  }

  private forget(event: Handle): void {
    if (this.failure !== undefined) return;
    this.guarded(() => {
      this.driver.destroyEvent(event);
    });
  }

  /** What is queued on `later` from now on waits for what is queued on `earlier` by now. */
  private order(earlier: Handle, later: Handle): void {
    const event = this.driver.createEvent(false);
    this.driver.record(event, earlier);
    this.driver.waitEvent(later, event);
    this.driver.destroyEvent(event);
  }

  private guarded<T>(action: () => T, what?: () => string): T {
    if (this.failure !== undefined) throw this.failure;
    try {
      return action();
    } catch (error) {
      throw this.failed(error, what);
    }
  }

  private failed(error: unknown, what?: () => string): unknown {
    if (!(error instanceof StatusError)) return error;
    const during = what === undefined ? "" : ` (${what()})`;
    this.failure ??= deviceFailed("cuda", `${this.gpu.name}: ${error.message}${during}`, error);
    return this.failure;
  }
}

/** Some virtualised GPUs say that they have memory pools and then refuse: what counts is whether one gives memory. */
function memorySource(driver: Driver, device: number, stream: Handle): MemorySource {
  if (driver.attribute(ATTRIBUTE.memoryPools, device) === 0) return keptBlocks(driver, stream);
  try {
    const source = driverPool(driver, driver.defaultPool(device), stream);
    const bytes = source.rounded(1);
    const address = source.take(bytes, stream);
    if (address !== undefined) source.giveBack(address, bytes);
    return source;
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return keptBlocks(driver, stream);
  }
}

export function gpuInfo(driver: Driver, device: number): GpuInfo {
  return {
    name: driver.deviceName(device),
    capability: [
      driver.attribute(ATTRIBUTE.capabilityMajor, device),
      driver.attribute(ATTRIBUTE.capabilityMinor, device),
    ],
    multiprocessors: driver.attribute(ATTRIBUTE.multiprocessors, device),
    totalBytes: driver.totalBytes(device),
    sharedBytesPerBlock: driver.attribute(ATTRIBUTE.sharedBytesPerBlock, device),
  };
}

export const architectureOf = ({ capability: [major, minor] }: GpuInfo): string =>
  `sm_${major}${minor}`;
