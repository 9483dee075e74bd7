import { expect, test } from "vitest";
import { Arena, PAGE } from "../../daemon/backend/wasm/arena.ts";
import { seededRandom } from "../../daemon/random.ts";

const MIB = 2 ** 20;

/** Memory that only counts: what is reserved, and which pages were given back. */
function countingSource(limit = 2 ** 32) {
  const reserved = new Map<number, number>();
  const touched = new Set<number>();
  let end = 1000;
  const pagesOf = (at: number, bytes: number): number[] =>
    Array.from({ length: bytes / PAGE }, (_, i) => at / PAGE + i);
  return {
    reserved,
    touched,
    touch: (at: number, bytes: number): void => {
      for (const page of pagesOf(at, Math.ceil(bytes / PAGE) * PAGE)) touched.add(page);
    },
    source: {
      reserve(bytes: number): number {
        if (end + bytes > limit) return 0;
        const at = end;
        reserved.set(at, bytes);
        end += bytes + 24;
        return at;
      },
      release(at: number): void {
        if (!reserved.delete(at)) throw new Error(`${at} was not reserved`);
      },
      full: (bytes: number) => new Error(`no room for ${bytes}`),
      discard(at: number, bytes: number): void {
        for (const page of pagesOf(at, bytes)) touched.delete(page);
      },
    },
  };
}

test("blocks lie apart, within what was reserved, and the process holds no more than was in use together", () => {
  const random = seededRandom(7);
  const { source, reserved, touched, touch } = countingSource();
  const arena = new Arena(source);
  const live = new Map<number, number>();
  let most = 0;
  for (let i = 0; i < 3000; i++) {
    if (live.size > 0 && random.next() < 0.48) {
      const at = [...live.keys()][Math.floor(random.next() * live.size)] ?? 0;
      live.delete(at);
      expect(arena.free(at)).toBe(true);
    } else {
      const bytes = Math.ceil(2 ** (18 + 7 * random.next()));
      const at = arena.allocate(bytes);
      for (const [other, size] of live)
        expect(at + bytes <= other || other + size <= at).toBe(true);
      const inside = [...reserved].some(([a, size]) => a <= at && at + bytes <= a + size);
      expect(inside).toBe(true);
      live.set(at, bytes);
      touch(at, bytes);
    }
    most = Math.max(most, arena.inUse);
    expect(touched.size * PAGE).toBe(arena.resident);
    expect(arena.resident).toBeLessThanOrEqual(most);
  }
});

/** `make` allocates so many MiB, and touches them as a tensor's maker does. */
function countingArena() {
  const { source, touched, touch } = countingSource();
  const arena = new Arena(source);
  const make = (mib: number): number => {
    const at = arena.allocate(mib * MIB);
    touch(at, mib * MIB);
    return at;
  };
  return { arena, touched, make };
}

test("memory that was needed once is given back when the work goes on with less", () => {
  const { arena, touched, make } = countingArena();
  const weights = make(80);
  const others = Array.from({ length: 10 }, () => make(16));
  const most = touched.size * PAGE;
  for (const at of others) arena.free(at);
  expect(touched.size * PAGE).toBe(most);
  for (let i = 0; i < 200; i++) arena.free(make(16));
  expect(touched.size * PAGE).toBe(96 * MIB);
  arena.free(weights);
  expect(touched.size).toBe(0);
});

test("when the largest goes, so does what was kept beside it", () => {
  const { arena, touched, make } = countingArena();
  const kept = make(54);
  const hessian = make(51);
  for (const at of [make(14), make(14)]) arena.free(at);
  expect(touched.size * PAGE).toBe((54 + 51 + 28) * MIB);
  arena.free(hessian);
  expect(touched.size * PAGE).toBe(54 * MIB);
  arena.free(kept);
});

test("what is kept of freed blocks goes when it is asked for", () => {
  const { arena, touched, make } = countingArena();
  const kept = make(80);
  for (const at of [make(16), make(8)]) arena.free(at);
  expect(touched.size * PAGE).toBe(104 * MIB);
  arena.settle();
  expect(touched.size * PAGE).toBe(80 * MIB);
  expect(arena.resident).toBe(80 * MIB);
  arena.free(make(12));
  expect(touched.size * PAGE).toBe(92 * MIB);
  arena.free(kept);
});

test("tells that the process takes still more pages, not that it uses those it has", () => {
  const { source } = countingSource();
  let told = 0;
  const growing = () => {
    told++;
  };
  const arena = new Arena({ ...source, growing });
  const few = Array.from({ length: 60 }, () => arena.allocate(MIB));
  expect(told).toBe(0);
  const kept = [...few, ...Array.from({ length: 60 }, () => arena.allocate(MIB))];
  const often = told;
  expect(often).toBeGreaterThanOrEqual(60 / 8 - 1);
  const last = kept.pop() ?? 0;
  arena.free(last);
  for (let i = 0; i < 100; i++) arena.free(arena.allocate(MIB));
  expect(told).toBe(often);
});

test("a full heap: free regions are given up before it is an error, and what is in use stays", () => {
  const { source, reserved } = countingSource(256 * MIB);
  const arena = new Arena(source);
  const kept = arena.allocate(MIB);
  const small = arena.allocate(60 * MIB);
  const large = arena.allocate(90 * MIB);
  expect(() => arena.allocate(120 * MIB)).toThrow("no room");
  expect(arena.inUse).toBe(151 * MIB);
  arena.free(large);
  arena.free(small);
  arena.free(kept);
  expect(arena.inUse).toBe(0);
  expect(() => arena.allocate(300 * MIB)).toThrow("no room");
  expect(reserved.size).toBe(0);
});

test("what is not its own it leaves alone", () => {
  const arena = new Arena(countingSource().source);
  arena.allocate(MIB);
  expect(arena.free(16)).toBe(false);
  expect(arena.free(5 * PAGE)).toBe(false);
});
