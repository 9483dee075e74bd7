/** Anything that can be let go; VS Code's own `Disposable` is a class, which few things are instances of. */
export interface Disposable {
  dispose(): void;
}
