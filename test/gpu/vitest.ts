/**
 * What our tests use of vitest, on Node's own test runner: a bundle of tests then needs nothing but Node (a GPU machine
 * has no packages). `expect` is vitest's own.
 */
import * as node from "node:test";
import { format } from "node:util";
import {
  ASYMMETRIC_MATCHERS_OBJECT,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  chai,
  setState,
} from "@vitest/expect";

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);

type Body = (...args: readonly never[]) => unknown;
type NodeRegister = (name: string, options: node.TestOptions, body: () => unknown) => unknown;

/** `describe` or `test`, with what hangs on it. */
interface Registrar {
  (name: string, body?: Body): void;
  each(rows: readonly unknown[]): (name: string, body: (...args: unknown[]) => unknown) => void;
  skip(name: string, body?: Body): void;
  skipIf(condition: unknown): Registrar;
  runIf(condition: unknown): Registrar;
}

/** A test that hangs must not eat the lease of the machine. */
const TIMEOUT_MS = 60_000;

/**
 * As in vitest, bodies of `describe` run when the whole file has been read: they may use what stands below them.
 * Inside of one, everything is registered at once.
 */
let collecting = false;
function whenRead(register: () => void): void {
  if (collecting) register();
  else setImmediate(register);
}

function registrar(register: NodeRegister, skip = false): Registrar {
  const add = (name: string, body?: Body): void => {
    whenRead(() => {
      void register(name, { skip }, () => body?.());
    });
  };
  return Object.assign(add, {
    each: (rows: readonly unknown[]) => (name: string, body: (...args: unknown[]) => unknown) => {
      for (const row of rows) {
        const args: unknown[] = Array.isArray(row) ? row : [row];
        // `format` would append what has no placeholder.
        const places = name.match(/%[a-zA-Z]/g)?.length ?? 0;
        add(format(name, ...args.slice(0, places)), () => body(...args));
      }
    },
    skipIf: (condition: unknown) => registrar(register, skip || Boolean(condition)),
    runIf: (condition: unknown) => registrar(register, skip || !condition),
    skip: (name: string, body?: Body): void => {
      whenRead(() => {
        void register(name, { skip: true }, () => body?.());
      });
    },
  });
}

export const describe = registrar((name, options, body) =>
  node.describe(name, options, () => {
    const outer = collecting;
    collecting = true;
    void body();
    collecting = outer;
  }),
);
export const test = registrar((name, options, body) =>
  node.test(name, { ...options, timeout: TIMEOUT_MS }, async () => {
    await body();
  }),
);
export const it = test;

const hook =
  (register: (body: () => Promise<void>) => void) =>
  (body: () => unknown): void => {
    whenRead(() => {
      register(async () => {
        await body();
      });
    });
  };
export const beforeAll = hook(node.before);
export const afterAll = hook(node.after);
export const beforeEach = hook(node.beforeEach);
export const afterEach = hook(node.afterEach);

const asymmetric = (globalThis as Record<symbol, object | undefined>)[ASYMMETRIC_MATCHERS_OBJECT];
export const expect = Object.assign(
  (value: unknown, message?: string) => chai.expect(value, message),
  chai.expect,
  asymmetric,
);
setState({ assertionCalls: 0 }, expect as unknown as Parameters<typeof setState>[1]);
