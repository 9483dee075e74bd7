/** Kernels are compiled once per machine, and never taken from a cache that cannot be trusted. */
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cacheKey, cubinCache, cubinFolder } from "../../../daemon/backend/cuda/cubinCache.ts";
import {
  StatusError,
  type Compilation,
  type Compiler,
} from "../../../daemon/backend/cuda/ffi/index.ts";
import { Modules, type ModuleDriver } from "../../../daemon/backend/cuda/modules.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cubins-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** "Compiles" to the architecture and the source's length. */
class CountingCompiler implements Compiler {
  readonly path = "/libnvrtc.so.12";
  compiled = 0;
  constructor(
    readonly version = "12.9",
    private readonly result?: Compilation,
  ) {}
  knows(): boolean {
    return true;
  }
  compile(_name: string, source: string, architecture: string): Compilation {
    this.compiled++;
    return this.result ?? { image: Buffer.from(`${architecture} ${source.length}`) };
  }
}

class RecordingModules implements ModuleDriver {
  readonly images: string[] = [];
  readonly unloaded: number[] = [];
  kernels = 0;
  constructor(
    private readonly refuse: readonly string[] = [],
    private readonly status = 200,
  ) {}
  loadModule(image: Uint8Array): number {
    const text = Buffer.from(image).toString();
    if (this.refuse.includes(text)) {
      throw new StatusError("cuModuleLoadData", this.status, "CUDA_ERROR_NAMED_HERE", "");
    }
    this.images.push(text);
    return this.images.length;
  }
  unloadModule(module: number): void {
    this.unloaded.push(module);
  }
  kernel(module: number): number {
    return module * 100 + ++this.kernels;
  }
}

const program = (source = "void f() {}") => ({ name: "test.cu", source });

function modules(
  compiler: Compiler,
  driver: ModuleDriver = new RecordingModules(),
  architecture = "sm_90",
): Modules {
  return new Modules(driver, compiler, architecture, cubinCache(folder));
}

describe("one machine", () => {
  test("compiles a program once, whatever the number of kernels and processes", () => {
    const compiler = new CountingCompiler();
    const driver = new RecordingModules();
    const first = modules(compiler, driver);
    const f = first.kernel(program(), "f");
    expect(first.kernel(program(), "f")).toBe(f);
    first.kernel(program(), "g");
    expect([compiler.compiled, driver.images.length, driver.kernels]).toEqual([1, 1, 2]);
    const again = new RecordingModules();
    modules(compiler, again).kernel(program(), "f");
    expect(compiler.compiled).toBe(1);
    expect(again.images).toEqual(driver.images);
  });

  test.each([
    ["source", "12.9", "sm_90", "void g() {}"],
    ["architecture", "12.9", "sm_120", "void f() {}"],
    ["compiler", "13.0", "sm_90", "void f() {}"],
  ])("compiles again for another %s", (_, version, architecture, source) => {
    modules(new CountingCompiler()).kernel(program(), "f");
    const compiler = new CountingCompiler(version);
    modules(compiler, new RecordingModules(), architecture).kernel(program(source), "f");
    expect(compiler.compiled).toBe(1);
  });

  test("unloads every module once", () => {
    const driver = new RecordingModules();
    const made = modules(new CountingCompiler(), driver);
    made.kernel(program(), "f");
    made.kernel(program("void g() {}"), "g");
    made.unload();
    made.unload();
    expect(driver.unloaded).toEqual([1, 2]);
  });
});

describe("the cache", () => {
  test("gives back what was written, and nothing for another key", () => {
    const cache = cubinCache(folder);
    cache.write("a", Buffer.from("machine code"));
    expect(Buffer.from(cache.read("a") ?? []).toString()).toBe("machine code");
    expect(cache.read("b")).toBeUndefined();
  });

  test("leaves no half files", async () => {
    const cache = cubinCache(folder);
    for (let i = 0; i < 5; i++) cache.write("a", Buffer.from("machine code"));
    expect(await readdir(folder)).toEqual(["a.cubin"]);
  });

  test.each([
    ["cut short", (file: Buffer) => file.subarray(0, file.length - 1)],
    ["empty", () => Buffer.alloc(0)],
    [
      "changed",
      (file: Buffer) => {
        file[40] = (file[40] ?? 0) ^ 1;
        return file;
      },
    ],
  ])("a file that is %s is compiled anew and replaced", async (_, damage) => {
    const compiler = new CountingCompiler();
    modules(compiler).kernel(program(), "f");
    const path = join(folder, (await readdir(folder))[0] ?? "");
    const whole = await readFile(path);
    await writeFile(path, damage(Buffer.from(whole)));
    modules(compiler).kernel(program(), "f");
    expect(compiler.compiled).toBe(2);
    expect(await readFile(path)).toEqual(whole);
  });

  test("an image that the driver refuses is compiled anew", () => {
    modules(new CountingCompiler("12.9", { image: Buffer.from("old") })).kernel(program(), "f");
    const compiler = new CountingCompiler("12.9", { image: Buffer.from("new") });
    const driver = new RecordingModules(["old"]);
    modules(compiler, driver).kernel(program(), "f");
    expect(driver.images).toEqual(["new"]);
  });

  test("in a folder that cannot be made, kernels work all the same", () => {
    const cache = cubinCache(join("/dev/null", "cubins"));
    const made = new Modules(new RecordingModules(), new CountingCompiler(), "sm_90", cache);
    expect(made.kernel(program(), "f").handle).toBe(101);
  });

  test("lies where the system wants caches", () => {
    expect(cubinFolder({ XDG_CACHE_HOME: "/c" }, "linux")).toBe("/c/denoise-rotator/cuda");
    expect(cubinFolder({ LOCALAPPDATA: "/l" }, "win32")).toBe("/l/denoise-rotator/cuda");
    const own = /^\/.*\.cache\/denoise-rotator\/cuda$/;
    expect(cubinFolder({ LOCALAPPDATA: "/l" }, "linux")).toMatch(own);
    for (const nowhere of ["", "cache"]) {
      expect(cubinFolder({ XDG_CACHE_HOME: nowhere }, "linux")).toMatch(own);
    }
  });

  test("loses what nobody used for months, and what a killed process left, when something is added", async () => {
    const longAgo = new Date(Date.now() - 100 * 24 * 3600 * 1000);
    const files = ["used.cubin", "unused.cubin", "left.cubin.8c1f", "fresh.cubin", "another.txt"];
    const first = cubinCache(folder);
    for (const name of ["used", "unused", "fresh"]) first.write(name, Buffer.from(name));
    for (const name of ["left.cubin.8c1f", "another.txt"]) await writeFile(join(folder, name), "");
    for (const name of files.filter((file) => file !== "fresh.cubin")) {
      await utimes(join(folder, name), longAgo, longAgo);
    }
    const cache = cubinCache(folder);
    expect(cache.read("used")).toBeDefined();
    expect((await stat(join(folder, "used.cubin"))).mtimeMs).toBeGreaterThan(longAgo.getTime());
    cache.write("new", Buffer.from("new"));
    const left = ["another.txt", "fresh.cubin", "new.cubin", "used.cubin"];
    expect((await readdir(folder)).sort()).toEqual(left);
  });

  test("keys do not run into each other", () => {
    expect(cacheKey(["ab", "c"])).not.toBe(cacheKey(["a", "bc"]));
  });
});

describe("what does not compile", () => {
  test("is told with the program and the compiler's words", () => {
    const log = "test.cu(3): error: identifier is undefined";
    const compiler = new CountingCompiler("12.9", {
      ...{ image: undefined, log },
    });
    expect(() => modules(compiler).kernel(program(), "f")).toThrow(
      expect.objectContaining({
        code: "backend/gpu-compile-failed",
        message: expect.stringMatching(/test\.cu for sm_90[^]*identifier is undefined/) as string,
      }),
    );
  });

  // An image for none of the driver's, PTX of a newer toolkit, no translator beside the driver.
  test.each([209, 222, 221])(
    "or is refused by the driver (%i) is told with what helps, and not kept",
    async (status) => {
      const compiler = new CountingCompiler("13.0", { image: Buffer.from("too new") });
      const driver = new RecordingModules(["too new"], status);
      expect(() => modules(compiler, driver).kernel(program(), "f")).toThrow(
        expect.objectContaining({
          code: "backend/gpu-code-refused",
          message: expect.stringMatching(/NVRTC 13\.0 .*NAMED_HERE.*Update the driver/) as string,
        }),
      );
      expect(await readdir(folder)).toEqual([]);
    },
  );

  test("that fails to load for the device's own reason is the device's failure", () => {
    const compiler = new CountingCompiler("12.9", { image: Buffer.from("good") });
    const driver = new RecordingModules(["good"], 700);
    expect(() => modules(compiler, driver).kernel(program(), "f")).toThrow(StatusError);
  });
});
