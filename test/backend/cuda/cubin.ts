/**
 * What a compiled program says of its kernels. A cubin is an ELF file of 64 bits; the section `.nv.info` names each
 * kernel's registers, `.nv.info.<kernel>` its launch bounds, as `cuobjdump -elf` prints them: records of a format
 * byte, an attribute byte and a size or value of 16 bits, with `size` bytes behind where the format says so.
 */
export interface CompiledKernel {
  readonly name: string;
  /** Of a thread. */
  readonly registers: number;
  /** Of a block, where the source names a bound. */
  readonly mostThreads?: number;
}

const SIZED = 4;
/** `EIATTR_REGCOUNT`: a symbol and the registers of the function there. `EIATTR_MAX_THREADS`: x, y, z. */
const REGISTERS = 0x2f;
const MOST_THREADS = 0x05;

export function kernelsIn(cubin: Uint8Array): CompiledKernel[] {
  const file = Buffer.from(cubin.buffer, cubin.byteOffset, cubin.byteLength);
  const sections = sectionsOf(file);
  const infoOf = (kernel: string): Map<number, number> =>
    new Map(recordsOf(file, sections, `.nv.info.${kernel}`));
  const symbols = sectionNamed(sections, ".symtab");
  const names = sectionNamed(sections, ".strtab");
  return recordsOf(file, sections, ".nv.info")
    .filter(([attribute]) => attribute === REGISTERS)
    .map(([, at]) => {
      const symbol = symbols.start + SYMBOL_BYTES * file.readUInt32LE(at);
      const name = textAt(file, names.start + file.readUInt32LE(symbol));
      const bound = infoOf(name).get(MOST_THREADS);
      return {
        name,
        registers: file.readUInt32LE(at + 4),
        ...(bound !== undefined && { mostThreads: file.readUInt32LE(bound) }),
      };
    })
    .filter(({ name }) => sections.has(`.nv.info.${name}`));
}

interface Section {
  readonly start: number;
  readonly end: number;
}

const SYMBOL_BYTES = 24;

/** ELF-64: the header names the table of sections and which of them holds the names. */
function sectionsOf(file: Buffer): ReadonlyMap<string, Section> {
  const table = Number(file.readBigUInt64LE(0x28));
  const [bytes, count, ofNames] = [0x3a, 0x3c, 0x3e].map((at) => file.readUInt16LE(at)) as [
    number,
    number,
    number,
  ];
  const section = (i: number): Section => {
    const start = Number(file.readBigUInt64LE(table + i * bytes + 0x18));
    return { start, end: start + Number(file.readBigUInt64LE(table + i * bytes + 0x20)) };
  };
  const names = section(ofNames).start;
  return new Map(
    Array.from({ length: count }, (_, i) => [
      textAt(file, names + file.readUInt32LE(table + i * bytes)),
      section(i),
    ]),
  );
}

function sectionNamed(sections: ReadonlyMap<string, Section>, name: string): Section {
  const found = sections.get(name);
  if (found === undefined) throw new RangeError(`the cubin has no section ${name}`);
  return found;
}

/** The attributes of a section, each with where its value starts. */
function recordsOf(
  file: Buffer,
  sections: ReadonlyMap<string, Section>,
  name: string,
): [attribute: number, at: number][] {
  const { start, end } = sections.get(name) ?? { start: 0, end: 0 };
  const records: [number, number][] = [];
  for (let at = start; at < end;) {
    const [format = 0, attribute = 0] = file.subarray(at, at + 2);
    const sized = format === SIZED;
    records.push([attribute, sized ? at + 4 : at + 2]);
    at += 4 + (sized ? file.readUInt16LE(at + 2) : 0);
  }
  return records;
}

const textAt = (file: Buffer, at: number): string =>
  file.toString("latin1", at, file.indexOf(0, at));
