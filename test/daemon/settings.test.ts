/** Settings that clients send: they hold for what the daemon starts from then on. */
import { afterEach, beforeAll, expect, test } from "vitest";
import { DEVICES, STATUS, type DaemonSettings } from "../../daemon/protocol.ts";
import { bundleDaemon } from "./bundle.ts";
import { Harness, type Client } from "./harness.ts";

let harness: Harness;
beforeAll(async () => {
  harness = new Harness(await bundleDaemon("daemon-test-settings"));
});
afterEach(() => harness.cleanUp());

const configure = (client: Client, settings: DaemonSettings | { readonly cuda: number }) =>
  client.connection.sendNotification("workspace/didChangeConfiguration", { settings });

/** What is said of CUDA, without looking again. */
async function cuda(client: Client): Promise<string | undefined> {
  const { devices } = await client.ask(DEVICES, {});
  return devices.find(({ device }) => device === "cuda")?.missing;
}

test("the folder of CUDA reaches the workers, over what was found before; empty takes it back", async () => {
  const client = await harness.client(await harness.daemon(await harness.home()));
  const before = await cuda(client);
  expect(before).not.toMatch(/switched off/);
  await configure(client, { cuda: "off" });
  expect(await cuda(client)).toMatch(/switched off/);
  await configure(client, { cuda: "" });
  expect(await cuda(client)).toBe(before);
});

test("what is no setting changes nothing, and the daemon lives", async () => {
  const client = await harness.client(await harness.daemon(await harness.home()));
  await configure(client, { cuda: "off" });
  await configure(client, { cuda: 12 });
  await configure(client, {});
  expect(await cuda(client)).toMatch(/switched off/);
  expect(await client.ask(STATUS, {})).toMatchObject({ activeJobs: 0 });
});

test("a worker that answers while the setting changes is asked again", async () => {
  const client = await harness.client(await harness.daemon(await harness.home()));
  const asked = client.ask(DEVICES, { refresh: true });
  await configure(client, { cuda: "off" });
  const { devices } = await asked;
  expect(devices.find(({ device }) => device === "wasm")).toMatchObject({ available: true });
  expect(await cuda(client)).toMatch(/switched off/);
});
