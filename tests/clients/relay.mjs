import { createRequire } from "node:module";
import { createClient } from "graphql-ws";

import { resuming } from "./resuming.mjs";
import { WebSocket, assert, check, given, resumes, tell, wanted } from "./shared.mjs";

const require = createRequire(import.meta.url);
const relay = require("relay-runtime");
const compiled = (name) => require(`./relay/__generated__/${name}.graphql.js`);

const environment = (token, websocket = given.websocket) => {
  const live = resuming(
    createClient({ url: websocket, webSocketImpl: WebSocket, connectionParams: { Authorization: `Bearer ${token}` } }),
  );
  const asked = async ({ text, name }, variables) => {
    const response = await fetch(given.url, {
      method: "POST",
      headers: {
        accept: "application/graphql-response+json, application/json;q=0.9",
        "content-type": "application/json",
        authorization: `Bearer ${token}`,
      },
      body: JSON.stringify({ query: text, operationName: name, variables }),
    });
    return response.json();
  };
  const followed = ({ text, name }, variables) =>
    relay.Observable.create((sink) => live.subscribe({ query: text, operationName: name, variables }, sink));
  return new relay.Environment({
    network: relay.Network.create(asked, followed),
    store: new relay.Store(new relay.RecordSource()),
  });
};

await check("query", async () => {
  const data = await relay.fetchQuery(environment(given.token), compiled("relayPaymentsQuery"), { first: 5 }).toPromise();
  assert.ok(data.payments.edges.length > 0);
});
await check("node", async () => {
  const data = await relay.fetchQuery(environment(given.token), compiled("relayNodesQuery"), { ids: [given.payment] });
  const { nodes } = await data.toPromise();
  assert.deepEqual(nodes, [{ __typename: "Payment", id: given.payment }]);
});
const mutate = (input) =>
  new Promise((onCompleted, onError) =>
    relay.commitMutation(environment(given.token), {
      mutation: compiled("relayCreateMutation"),
      variables: { input },
      onCompleted,
      onError,
    }),
  );
await check("mutation", async () => {
  assert.deepEqual((await mutate(wanted(100))).refundCreate.errors, []);
});
await check("typed error", async () => {
  const { refundCreate } = await mutate(wanted(10 ** 12));
  assert.equal(refundCreate.errors[0].code, "AMOUNT_EXCEEDS_REFUNDABLE");
});
await check("cut and resumed", () =>
  resumes((refundId, at, heard, ended) =>
    relay.requestSubscription(environment(given.token, at.websocket), {
      subscription: compiled("relayFollowSubscription"),
      variables: { refundId },
      onNext: (data) => heard(data.refundEvents),
      onError: ended,
      onCompleted: () => ended(),
    }),
  ),
);
await check("expired token", async () => {
  const asked = relay.fetchQuery(environment(given.expired), compiled("relayPaymentsQuery"), { first: 1 }).toPromise();
  await assert.rejects(asked, (error) => error.source.errors[0].extensions.code === "UNAUTHENTICATED");
});
tell();
