/** Programs become modules on the device: compiled for its architecture, or taken from the cache, when first launched. */
import { gpuCodeRefused, gpuCompileFailed } from "../errors.ts";
import { cacheKey, type CubinCache } from "./cubinCache.ts";
import {
  COMPILER_OPTIONS,
  StatusError,
  type Compiler,
  type Driver,
  type Handle,
} from "./ffi/index.ts";
import prelude from "./prelude.cu";
import type { Program } from "./runtime.ts";

export interface Kernel {
  readonly handle: Handle;
  /** Dynamic shared memory that a launch may ask for, bytes. */
  allowedSharedBytes: number;
}

/** What every kernel may use without asking. */
const DEFAULT_SHARED_BYTES = 48 * 1024;

interface Loaded {
  readonly module: Handle;
  readonly kernels: Map<string, Kernel>;
}

export type ModuleDriver = Pick<Driver, "loadModule" | "unloadModule" | "kernel">;

export class Modules {
  private readonly programs = new WeakMap<Program, Loaded>();
  /** Programs of equal source are one module. */
  private readonly bySource = new Map<string, Loaded>();

  constructor(
    private readonly driver: ModuleDriver,
    private readonly compiler: Compiler,
    /** `sm_90` */
    private readonly architecture: string,
    private readonly cache: CubinCache,
  ) {}

  /**
   * @throws backend/gpu-compile-failed with the compiler's log; backend/gpu-code-refused where the driver does not
   *   take what it made
   */
  kernel(program: Program, entry: string): Kernel {
    const { module, kernels } = this.programs.get(program) ?? this.load(program);
    const known = kernels.get(entry);
    if (known) return known;
    const kernel = {
      handle: this.driver.kernel(module, entry),
      allowedSharedBytes: DEFAULT_SHARED_BYTES,
    };
    kernels.set(entry, kernel);
    return kernel;
  }

  unload(): void {
    for (const { module } of this.bySource.values()) this.driver.unloadModule(module);
    this.bySource.clear();
  }

  private load(program: Program): Loaded {
    const source = `${prelude}\n#line 1 "${program.name}"\n${program.source}`;
    const loaded = this.bySource.get(source) ?? {
      module: this.module(program.name, source),
      kernels: new Map<string, Kernel>(),
    };
    this.bySource.set(source, loaded);
    this.programs.set(program, loaded);
    return loaded;
  }

  private module(name: string, source: string): Handle {
    const { path, version } = this.compiler;
    const options = COMPILER_OPTIONS.join(" ");
    const key = cacheKey([source, this.architecture, version, path, options]);
    const cached = this.cache.read(key);
    if (cached !== undefined) {
      try {
        return this.driver.loadModule(cached);
      } catch (error) {
        // An image that the driver refuses is made anew; anything else is the device's own failure.
        if (!isRefused(error)) throw error;
      }
    }
    const image = this.compile(name, source);
    let module: Handle;
    try {
      module = this.driver.loadModule(image);
    } catch (error) {
      throw isRefused(error) ? gpuCodeRefused(this.architecture, version, error) : error;
    }
    this.cache.write(key, image);
    return module;
  }

  private compile(name: string, source: string): Uint8Array {
    const result = this.compiler.compile(name, source, this.architecture);
    if (result.image !== undefined) return result.image;
    throw gpuCompileFailed(name, this.architecture, this.compiler.version, result.log);
  }
}

/**
 * `CUDA_ERROR_INVALID_IMAGE`, `_NO_BINARY_FOR_GPU`, `_INVALID_PTX`, `_JIT_COMPILER_NOT_FOUND`,
 * `_UNSUPPORTED_PTX_VERSION`, `_JIT_COMPILATION_DISABLED`, `_INVALID_SOURCE`
 */
const REFUSED = [200, 209, 218, 221, 222, 223, 300];

const isRefused = (error: unknown): error is StatusError =>
  error instanceof StatusError && REFUSED.includes(error.status);
