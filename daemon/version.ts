/** The program's version, as outputs and reports carry it: package.json is its one source. */
import manifest from "../package.json" with { type: "json" };

export const VERSION: string = manifest.version;
