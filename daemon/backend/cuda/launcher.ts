/** Kernels on their way to the compute stream. */
import { besidePool } from "./besidePool.ts";
import type { Failure } from "./failure.ts";
import type { Driver, Handle, Native } from "./ffi/index.ts";
import type { Modules } from "./modules.ts";
import { Parameters } from "./parameters.ts";
import type { DevicePool } from "./pool.ts";
import type { Launch } from "./runtime.ts";

export interface LauncherParts {
  readonly driver: Driver;
  readonly native: Pick<Native, "address">;
  readonly modules: Modules;
  readonly stream: Handle;
  readonly failure: Failure;
  readonly pool: Pick<DevicePool, "trim" | "kept">;
  /** Called after each launch. */
  readonly queued: () => void;
}

export class Launcher {
  private readonly parameters: Parameters;

  constructor(private readonly of: LauncherParts) {
    this.parameters = new Parameters(of.native);
  }

  launch({ program, entry, grid, block, sharedBytes = 0, args }: Launch): void {
    // The driver takes a launch without blocks for a mistake; of an empty tensor there is nothing to compute.
    if (grid.includes(0)) return;
    const { driver, failure, modules, pool, stream, queued } = this.of;
    failure.guarded(
      () => {
        const kernel = besidePool(pool, () => modules.kernel(program, entry));
        if (sharedBytes > kernel.allowedSharedBytes) {
          // The driver may load a kernel's code as late as here.
          besidePool(pool, () => {
            driver.allowSharedBytes(kernel.handle, sharedBytes);
          });
          kernel.allowedSharedBytes = sharedBytes;
        }
        this.parameters.pack(args);
        const shape = {
          grid: [grid[0], grid[1] ?? 1, grid[2] ?? 1],
          block: [block[0], block[1] ?? 1, block[2] ?? 1],
          sharedBytes,
        } as const;
        besidePool(pool, () => {
          driver.launch(kernel.handle, shape, stream, this.parameters.extra);
        });
        queued();
      },
      () => `${program.name}: ${entry} [${grid.join()}] × [${block.join()}]`,
    );
  }
}
