/**
 * DOORWAY between the extension and the pages: every message, as a type beside the schema that checks it. Both ends
 * check what comes in, once: a page what the host posts, the host what a page posts.
 *
 *     page → host     ready · request / cancel · open · showing · command · save          {@link PageMessage}
 *     host → page     show · answer / failure · job · updates · stale                     {@link HostMessage}
 *
 * A page names no paths: each panel is bound to a run or a checkpoint by the host, and asks for layers, roles and
 * tensors of that one only.
 */
export * from "./messages/host.ts";
export * from "./messages/page.ts";
export * from "./messages/requests.ts";
export * from "./messages/run.ts";
export * from "./messages/state.ts";
export { runReport as runReportSchema } from "./schemas/report.ts";
