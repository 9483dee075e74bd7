/** CUDA C is imported as text (esbuild's `text` loader; vitest.config.ts does the same for tests). */
declare module "*.cu" {
  const source: string;
  export default source;
}
