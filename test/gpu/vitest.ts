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
type Register = (name: string, body?: Body) => void;
type NodeRegister = (name: string, options: node.TestOptions, body: () => unknown) => unknown;

/** A benchmark-sized machine may be slow to start; a test that hangs must not eat the lease. */
const TIMEOUT_MS = 60_000;

function registrar(register: NodeRegister) {
  const add =
    (skip: boolean): Register =>
    (name, body) => {
      void register(name, { skip, timeout: TIMEOUT_MS }, () => body?.());
    };
  const each =
    (rows: readonly unknown[]) => (name: string, body: (...args: unknown[]) => unknown) => {
      for (const row of rows) {
        const args: unknown[] = Array.isArray(row) ? row : [row];
        // `format` would append what has no placeholder.
        const places = name.match(/%[a-zA-Z]/g)?.length ?? 0;
        add(false)(format(name, ...args.slice(0, places)), () => body(...args));
      }
    };
  return Object.assign(add(false), {
    each,
    skip: add(true),
    skipIf: (condition: unknown) => add(Boolean(condition)),
    runIf: (condition: unknown) => add(!condition),
  });
}

export const describe = registrar((name, options, body) =>
  node.describe(name, options, () => {
    void body();
  }),
);
export const test = registrar((name, options, body) =>
  node.test(name, options, async () => {
    await body();
  }),
);
export const it = test;

const hook =
  (register: (body: () => Promise<void>) => void) =>
  (body: () => unknown): void => {
    register(async () => {
      await body();
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
