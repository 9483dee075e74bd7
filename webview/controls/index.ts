/** The building blocks of a page around its charts, for the report and the panels alike. */
export * from "./controls.ts";
export { button, type ButtonOptions } from "./button.ts";
