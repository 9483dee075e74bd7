/** Doorway of the libraries' C interfaces. */
export * from "./context.ts";
export * from "./cublas.ts";
export * from "./driver.ts";
export * from "./native.ts";
export * from "./nvrtc.ts";
export * from "./status.ts";
