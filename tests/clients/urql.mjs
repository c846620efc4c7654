import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient } from "graphql-ws";
import { onEnd, onPush, pipe, publish } from "wonka";

import { resuming } from "./resuming.mjs";
import { CREATE, FOLLOW, QUERY, WebSocket, assert, check, given, resumes, tell, wanted } from "./shared.mjs";

const urql = (token, websocket = given.websocket) => {
  const live = resuming(
    createClient({ url: websocket, webSocketImpl: WebSocket, connectionParams: { Authorization: `Bearer ${token}` } }),
  );
  return new Client({
    url: given.url,
    fetchOptions: () => ({ headers: { authorization: `Bearer ${token}` } }),
    exchanges: [
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: (request) => ({
          subscribe: (sink) => ({ unsubscribe: live.subscribe(request, sink) }),
        }),
      }),
    ],
  });
};

await check("query", async () => {
  const { data, error } = await urql(given.token).query(QUERY, { first: 5 }).toPromise();
  assert.equal(error, undefined);
  assert.equal(data.payments.totalCount, data.payments.nodes.length);
});
await check("mutation", async () => {
  const { data } = await urql(given.token).mutation(CREATE, { input: wanted(100) }).toPromise();
  assert.deepEqual(data.refundCreate.errors, []);
  assert.ok(data.refundCreate.refund.id);
});
await check("typed error", async () => {
  const { data } = await urql(given.token).mutation(CREATE, { input: wanted(10 ** 12) }).toPromise();
  assert.equal(data.refundCreate.errors[0].code, "AMOUNT_EXCEEDS_REFUNDABLE");
  assert.equal(data.refundCreate.errors[0].__typename, "AmountExceedsRefundableError");
});
await check("cut and resumed", () =>
  resumes((refundId, at, heard, ended) =>
    pipe(
      urql(given.token, at.websocket).subscription(FOLLOW, { refundId }),
      // The last result comes once more when the stream ends, with `hasNext` false.
      onPush(({ data, hasNext }) => data && hasNext !== false && heard(data.refundEvents)),
      onEnd(() => ended()),
      publish,
    ),
  ),
);
await check("expired token", async () => {
  const { error } = await urql(given.expired).query(QUERY, { first: 1 }).toPromise();
  assert.equal(error.graphQLErrors[0].extensions.code, "UNAUTHENTICATED");
});
tell();
