/**
 * A hub on loopback with the routes that a download takes, and a second server of another origin that large files are
 * redirected to, as hubs do. Repositories are maps of contents; faults are switched on by file.
 */
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Seen {
  readonly server: "hub" | "store";
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

export interface Repository {
  readonly type: "model" | "dataset";
  readonly name: string;
  /** Branches and tags. */
  readonly revisions: Record<string, string>;
  readonly commits: Record<string, Record<string, Buffer>>;
  /** Files stored as large: SHA-256 and another host. */
  readonly large: RegExp;
  /** `gated`: files only with {@link GOOD_TOKEN}; `private`: nothing without it. */
  access?: "gated" | "private";
}

export interface Faults {
  /** Breaks the connection after so many bytes of the answer: the next requests of the file, in order. */
  cut: Map<string, number[]>;
  /** Changes a byte in so many of the next whole answers for the file. */
  corrupt: Map<string, number>;
  /** Answers of the hub before it works: status codes, in order. */
  statuses: { status: number; retryAfter?: string }[];
  /** So many of the next lists and infos break off in the middle. */
  brokenAnswers: number;
  /** The second page of a list is on the other server, and empty. */
  nextElsewhere: boolean;
  ignoreRange: boolean;
  /** Size in the list, whatever the content is. */
  listedSize: Map<string, number>;
  /** Called before the body of a file is sent. */
  beforeBody: (file: string) => Promise<void>;
}

export interface FakeHub {
  readonly url: string;
  readonly seen: Seen[];
  readonly faults: Faults;
  readonly repositories: Repository[];
  /** Requests for contents, without those for one byte that ask where the content is. */
  readonly bodies: (file?: string) => Seen[];
  readonly close: () => Promise<void>;
}

export const GOOD_TOKEN = "hf_goodToken";

export const sha256 = (content: Buffer): string =>
  createHash("sha256").update(content).digest("hex");
const gitName = (content: Buffer): string =>
  createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");

/** Bytes that no two offsets share for long, so that bytes put to a wrong place show. */
export function content(name: string, length: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, i) =>
    createHash("sha256").update(`${name}:${i}`).digest(),
  );
  return Buffer.concat(blocks).subarray(0, length);
}

export async function startHub(): Promise<FakeHub> {
  const seen: Seen[] = [];
  const repositories: Repository[] = [];
  const faults: Faults = {
    cut: new Map(),
    corrupt: new Map(),
    statuses: [],
    brokenAnswers: 0,
    nextElsewhere: false,
    ignoreRange: false,
    listedSize: new Map(),
    beforeBody: () => Promise.resolve(),
  };
  const record = (server: Seen["server"], request: IncomingMessage): string => {
    const path = decodeURIComponent(new URL(request.url ?? "", "http://x").pathname);
    const { range, authorization } = request.headers;
    seen.push({ server, method: request.method ?? "", path, range, authorization });
    return path;
  };

  const store = createServer((request, response) => {
    const path = record("store", request);
    if (path === "/list") {
      response.writeHead(200, { "Content-Type": "application/json" }).end("[]");
      return;
    }
    const [, hash = "", name = ""] = path.split("/");
    const found = repositories
      .flatMap(({ commits }) => Object.values(commits))
      .flatMap((files) => Object.values(files))
      .find((candidate) => sha256(candidate) === hash);
    void sendContent(request, response, name, found ?? Buffer.alloc(0), faults);
  });
  const storeUrl = await listen(store);

  const hub = createServer((request, response) => {
    const path = record("hub", request);
    const status = faults.statuses.shift();
    if (status !== undefined) {
      if (status.retryAfter !== undefined) response.setHeader("Retry-After", status.retryAfter);
      response.writeHead(status.status).end();
      return;
    }
    void answer(path, request, response, repositories, faults, storeUrl);
  });
  const url = await listen(hub);
  return {
    url,
    seen,
    faults,
    repositories,
    bodies: (file) =>
      seen.filter(
        ({ path, range }) =>
          /\/resolve\/|^\/[0-9a-f]{64}\//.test(path) &&
          range !== "bytes=0-0" &&
          (file === undefined || path.endsWith(`/${file}`)),
      ),
    close: async () => {
      await Promise.all([hub, store].map((server) => stop(server)));
    },
  };
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
}

const refuse = (response: ServerResponse, status: number, code: string, message = ""): void => {
  response.writeHead(status, { "X-Error-Code": code, "X-Error-Message": message }).end();
};

async function answer(
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
  repositories: readonly Repository[],
  faults: Faults,
  storeUrl: string,
): Promise<void> {
  const repository = repositories.find(({ type, name }) =>
    [`/api/${type}s/${name}/`, `/${type === "dataset" ? "datasets/" : ""}${name}/resolve/`].some(
      (prefix) => path.startsWith(prefix),
    ),
  );
  const token = request.headers.authorization;
  const known = token === `Bearer ${GOOD_TOKEN}`;
  if (token?.includes("wrong") === true) {
    response
      .writeHead(401, { "X-Error-Message": "Invalid credentials in Authorization header" })
      .end();
    return;
  }
  if (repository === undefined || (repository.access === "private" && !known)) {
    refuse(response, token === undefined ? 401 : 404, "RepoNotFound", "Repository not found");
    return;
  }
  const [, verb, revision = "", rest = ""] =
    /\/(revision|tree|paths-info|resolve)\/(refs\/pr\/\d+|refs\/convert\/parquet|[^/]+)(?:\/(.*))?$/.exec(
      path,
    ) ?? [];
  const commit = repository.revisions[revision] ?? revision;
  const files = repository.commits[commit];
  if (files === undefined) {
    refuse(response, 404, "RevisionNotFound", `Invalid rev id: ${revision}`);
    return;
  }
  const json = (value: unknown) => {
    if (faults.brokenAnswers > 0) {
      faults.brokenAnswers--;
      response.writeHead(200, { "Content-Type": "application/json", "Content-Length": 1000 });
      response.write('{"sha":', () => setTimeout(() => response.destroy(), 20));
      return;
    }
    response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(value));
  };
  const entry = ([name, bytes]: [string, Buffer]) => {
    const size = faults.listedSize.get(name) ?? bytes.length;
    const large = repository.large.test(name);
    return {
      type: "file",
      path: name,
      size,
      oid: gitName(large ? Buffer.from(`pointer to ${sha256(bytes)}`) : bytes),
      ...(large && { lfs: { oid: sha256(bytes), size, pointerSize: 134 } }),
    };
  };
  switch (verb) {
    case "revision":
      json({
        _id: "0",
        id: repository.name,
        sha: commit,
        private: repository.access === "private",
        gated: repository.access === "gated" ? "manual" : false,
        downloads: 0,
        likes: 0,
        lastModified: "2024-01-01T00:00:00.000Z",
      });
      return;
    case "tree": {
      const names = Object.keys(files);
      const folders = new Set(names.filter((n) => n.includes("/")).map((n) => n.split("/")[0]));
      const asked = new URL(request.url ?? "", "http://x").searchParams;
      const all = asked.get("recursive") === "true";
      const entries = Object.entries(files).filter(([name]) => all || !name.includes("/"));
      // Two pages, as the hub gives long lists.
      const page = asked.get("cursor");
      const half = faults.nextElsewhere ? entries.length : Math.ceil(entries.length / 2);
      if (page === null) {
        const host = request.headers.host ?? "";
        const next = faults.nextElsewhere
          ? `${storeUrl}/list`
          : `http://${host}${request.url ?? ""}&cursor=2`;
        response.setHeader("Link", `<${next}>; rel="next"`);
      }
      json([
        ...(page === null
          ? [...folders].map((name) => ({
              type: "directory",
              path: name,
              size: 0,
              oid: "0".repeat(40),
            }))
          : []),
        ...(page === null ? entries.slice(0, half) : entries.slice(half)).map(entry),
      ]);
      return;
    }
    case "paths-info": {
      const body = JSON.parse(await readBody(request)) as { paths: string[] };
      json(
        Object.entries(files)
          .filter(([name]) => body.paths.includes(name))
          .map(entry),
      );
      return;
    }
    case "resolve": {
      if (repository.access === "gated" && !known) {
        refuse(response, token === undefined ? 401 : 403, "GatedRepo", "Access is restricted");
        return;
      }
      const bytes = files[rest];
      if (bytes === undefined) {
        refuse(response, 404, "EntryNotFound", "Entry not found");
        return;
      }
      response.setHeader("X-Repo-Commit", commit);
      if (repository.large.test(rest)) {
        response
          .writeHead(302, {
            Location: `${storeUrl}/${sha256(bytes)}/${rest.split("/").at(-1) ?? ""}`,
            "X-Linked-Etag": `"${sha256(bytes)}"`,
            "X-Linked-Size": String(bytes.length),
          })
          .end();
        return;
      }
      response.setHeader("ETag", `"${gitName(bytes)}"`);
      await sendContent(request, response, rest, bytes, faults);
      return;
    }
    case undefined:
    default:
      refuse(response, 404, "NotFound");
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function sendContent(
  request: IncomingMessage,
  response: ServerResponse,
  name: string,
  whole: Buffer,
  faults: Faults,
): Promise<void> {
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  const probe = request.headers.range === "bytes=0-0";
  const start = range && (probe || !faults.ignoreRange) ? Number(range[1]) : 0;
  let bytes = Buffer.from(whole.subarray(start, probe ? 1 : whole.length));
  if (!response.hasHeader("ETag")) response.setHeader("ETag", `"${sha256(whole)}"`);
  if (range && (probe || !faults.ignoreRange)) {
    response.setHeader(
      "Content-Range",
      `bytes ${start}-${start + bytes.length - 1}/${whole.length}`,
    );
    response.statusCode = 206;
  }
  response.setHeader("Content-Length", bytes.length);
  if (probe) {
    response.end(bytes);
    return;
  }
  await faults.beforeBody(name);
  const damaged = faults.corrupt.get(name) ?? 0;
  if (damaged > 0) {
    faults.corrupt.set(name, damaged - 1);
    bytes = Buffer.from(bytes.map((byte, i) => (i === 0 ? byte ^ 1 : byte)));
  }
  const cut = faults.cut.get(name)?.shift();
  if (cut === undefined) {
    response.end(bytes);
    return;
  }
  response.write(bytes.subarray(0, cut), () => {
    // Gone without a trace, once what was sent has surely left.
    setTimeout(() => response.destroy(), 20);
  });
}
