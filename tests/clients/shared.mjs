// What the clients' scripts have alike: what they are given, a wire that can be cut, and plain requests.
import assert from "node:assert/strict";
import net from "node:net";
import { WebSocket } from "ws";

export { assert, WebSocket };
export const given = JSON.parse(process.env.GIVEN);
const done = [];

export async function check(name, run) {
  await run();
  done.push(name);
}

export function tell() {
  process.stdout.write(JSON.stringify(done));
  process.exit(0);
}

export const QUERY = `query Payments($first: Int!) {
  payments(first: $first) { totalCount nodes { id refundable { minorUnits currency } } pageInfo { hasNextPage } }
}`;
export const CREATE = `mutation Create($input: RefundCreateInput!) {
  refundCreate(input: $input) {
    refund { id status sequence }
    errors { __typename ... on Error { code message path } ... on AmountExceedsRefundableError { refundable { minorUnits } } }
  }
}`;
export const CANCEL = `mutation Cancel($input: RefundCancelInput!) {
  refundCancel(input: $input) { refund { id status } errors { ... on Error { code message } } }
}`;
export const FOLLOW = `subscription Follow($refundId: ID!, $after: String) {
  refundEvents(refundId: $refundId, after: $after) {
    __typename
    ... on RefundEventMessage { replayed event { id cursor sequence status } }
    ... on CaughtUpMessage { cursor }
    ... on HeartbeatMessage { cursor }
  }
}`;

export const key = () => crypto.randomUUID();
export const wanted = (minorUnits) => ({
  paymentId: given.payment,
  amount: { minorUnits: String(minorUnits), currency: "BRL" },
  reason: "CUSTOMER_REQUEST",
  idempotencyKey: key(),
});

/** Asks by itself, for what is no business of the client that is tried. */
export async function ask(query, variables, token = given.token) {
  const response = await fetch(given.url, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify({ query, variables }),
  });
  const told = await response.json();
  assert.equal(told.errors, undefined, JSON.stringify(told.errors));
  return told.data;
}

export async function refund() {
  const { refundCreate } = await ask(CREATE, { input: wanted(100) });
  assert.deepEqual(refundCreate.errors, []);
  return refundCreate.refund.id;
}

export async function cancel(refundId) {
  const { refundCancel } = await ask(CANCEL, { input: { refundId, idempotencyKey: key() } });
  assert.deepEqual(refundCancel.errors, []);
}

/** A wire to the API that can be cut: whoever talks over it loses the connection, and may connect again. */
export async function wire() {
  const { hostname, port } = new URL(given.url);
  const open = new Set();
  let count = 0;
  const server = net.createServer((near) => {
    count += 1;
    const far = net.connect(Number(port), hostname);
    for (const [from, to] of [[near, far], [far, near]]) {
      open.add(from);
      from.on("error", () => {});
      from.on("close", () => {
        open.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const place = `127.0.0.1:${server.address().port}/graphql`;
  return {
    http: `http://${place}`,
    websocket: `ws://${place}`,
    connections: () => count,
    cut: () => [...open].forEach((one) => one.destroy()),
  };
}

export async function until(holds, what) {
  for (let tries = 0; tries < 400; tries += 1) {
    if (holds()) return;
    await new Promise((later) => setTimeout(later, 25));
  }
  assert.fail(`It never came: ${what}`);
}

/**
 * The same of every client: what follows a refund loses its wire, comes back, and is told each event once.
 * `follow(refundId, at, heard, ended)` begins to follow at that wire.
 */
export async function resumes(follow) {
  const refundId = await refund();
  const at = await wire();
  const heard = [];
  let over = null;
  follow(refundId, at, (message) => heard.push(message), (why) => (over = why ?? "completed"));
  await until(() => heard.some((one) => one.__typename === "CaughtUpMessage"), "what had happened");
  const before = at.connections();
  at.cut();
  await until(() => at.connections() > before, "a new connection");
  await until(() => heard.filter((one) => one.__typename === "CaughtUpMessage").length > 1, "caught up again");
  await cancel(refundId);
  await until(() => over !== null, "the end");
  const sequences = heard.filter((one) => one.event).map((one) => one.event.sequence);
  assert.equal(over, "completed");
  assert.deepEqual(sequences, [...new Set(sequences)].sort((a, b) => a - b), "none twice, and in order");
  assert.equal(heard.filter((one) => one.event).at(-1).event.status, "CANCELED");
}
