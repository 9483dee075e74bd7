/**
 * The data of one tensor: on which GPUs it lies, and who still needs it. It is copied to a GPU when that asks for it,
 * and stays there too, until it is written or freed.
 */
import type { CudaDevice } from "./device.ts";
import type { DeviceMemory } from "./runtime.ts";
import type { NumericType } from "./values.ts";

/** Memory of one GPU. */
export interface Placed {
  readonly gpu: CudaDevice;
  readonly memory: DeviceMemory;
}

export class TensorData {
  readonly dtype: NumericType;
  readonly elements: number;
  references: number;
  /** Copies of {@link home} on other GPUs. */
  private readonly copies = new Map<CudaDevice, DeviceMemory>();
  /** The same rounded to bfloat16, where a product asked for it. */
  private readonly rounded = new Map<CudaDevice, DeviceMemory>();
  /** To be called before home is written or freed: copies of it may be under way. */
  private readonly afterCopies: (() => void)[] = [];
  /** Reads under way: the memory stays until they are done. */
  private reads = 0;

  /** @param home where the data is made */
  constructor(
    private home: Placed,
    of: {
      readonly dtype: NumericType;
      readonly elements: number;
      readonly references: number;
    },
  ) {
    this.dtype = of.dtype;
    this.elements = of.elements;
    this.references = of.references;
  }

  /** Where it was made, or written last. */
  get origin(): Placed {
    return this.home;
  }

  /** To read on that GPU. */
  on(gpu: CudaDevice): DeviceMemory {
    if (gpu === this.home.gpu) return this.home.memory;
    const known = this.copies.get(gpu);
    if (known) return known;
    const { memory, orderAfter } = gpu.copyFrom(this.home.gpu, this.home.memory);
    this.copies.set(gpu, memory);
    this.afterCopies.push(orderAfter);
    return memory;
  }

  /** Rounded to bfloat16, to read on that GPU: made once, and half as much to copy. */
  roundedOn(gpu: CudaDevice): DeviceMemory {
    const known = this.rounded.get(gpu);
    if (known) return known;
    const here = gpu === this.home.gpu ? this.home.memory : this.copies.get(gpu);
    const made = here ? gpu.toBf16(here.address, this.elements) : this.roundedCopy(gpu);
    this.rounded.set(gpu, made);
    return made;
  }

  forgetRounded(): void {
    if (this.rounded.size === 0) return;
    this.awaitCopies();
    for (const [gpu, memory] of this.rounded) gpu.free(memory);
    this.rounded.clear();
  }

  /**
   * To write on that GPU: copies on others are given up.
   *
   * @throws while it is read: what is read must not change meanwhile
   */
  onlyOn(gpu: CudaDevice): DeviceMemory {
    if (this.reads > 0) throw new Error("cuda: a tensor that is being read is written in place");
    const memory = this.on(gpu);
    this.awaitCopies();
    this.forgetRounded();
    if (gpu !== this.home.gpu) this.home.gpu.free(this.home.memory);
    for (const [other, copy] of this.copies) if (other !== gpu) other.free(copy);
    this.copies.clear();
    this.home = { gpu, memory };
    return memory;
  }

  /** Nothing is freed before `use` is done. */
  async whileRead(use: (from: Placed) => Promise<void>): Promise<void> {
    this.reads++;
    try {
      await use(this.home);
    } finally {
      this.reads--;
      this.freeIfUnused();
    }
  }

  /** One refers to it and nobody reads it: it is freed when that one lets go. */
  get alone(): boolean {
    return this.references === 1 && this.reads === 0;
  }

  freeIfUnused(): void {
    if (this.references > 0 || this.reads > 0) return;
    this.awaitCopies();
    this.forgetRounded();
    this.home.gpu.free(this.home.memory);
    for (const [gpu, memory] of this.copies) gpu.free(memory);
  }

  private roundedCopy(gpu: CudaDevice): DeviceMemory {
    const { gpu: from } = this.home;
    const { memory, orderAfter } = gpu.copyFrom(from, this.roundedOn(from));
    this.afterCopies.push(orderAfter);
    return memory;
  }

  private awaitCopies(): void {
    for (const orderAfter of this.afterCopies.splice(0)) orderAfter();
  }
}
