import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { CombinedGraphQLErrors } from "@apollo/client/errors";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { createClient } from "graphql-ws";

import { possibleTypes } from "./possible_types.mjs";
import { resuming } from "./resuming.mjs";
import { CREATE, FOLLOW, QUERY, WebSocket, assert, check, given, resumes, tell, wanted } from "./shared.mjs";

const apollo = (token, websocket = given.websocket) =>
  new ApolloClient({
    cache: new InMemoryCache({ possibleTypes }),
    link: ApolloLink.split(
      ({ operationType }) => operationType === "subscription",
      new GraphQLWsLink(
        resuming(
          createClient({
            url: websocket,
            webSocketImpl: WebSocket,
            connectionParams: { Authorization: `Bearer ${token}` },
          }),
        ),
      ),
      new HttpLink({ uri: given.url, headers: { authorization: `Bearer ${token}` } }),
    ),
  });

await check("query", async () => {
  const { data } = await apollo(given.token).query({ query: gql(QUERY), variables: { first: 5 } });
  assert.equal(data.payments.totalCount, data.payments.nodes.length);
});
await check("mutation", async () => {
  const { data } = await apollo(given.token).mutate({ mutation: gql(CREATE), variables: { input: wanted(100) } });
  assert.deepEqual(data.refundCreate.errors, []);
});
await check("typed error", async () => {
  const variables = { input: wanted(10 ** 12) };
  const { data } = await apollo(given.token).mutate({ mutation: gql(CREATE), variables });
  assert.equal(data.refundCreate.errors[0].code, "AMOUNT_EXCEEDS_REFUNDABLE");
});
await check("cut and resumed", () =>
  resumes((refundId, at, heard, ended) =>
    apollo(given.token, at.websocket)
      .subscribe({ query: gql(FOLLOW), variables: { refundId } })
      .subscribe({ next: ({ data }) => data && heard(data.refundEvents), error: ended, complete: () => ended() }),
  ),
);
await check("expired token", async () => {
  const asked = apollo(given.expired).query({ query: gql(QUERY), variables: { first: 1 } });
  await assert.rejects(asked, (error) => {
    assert.ok(CombinedGraphQLErrors.is(error), String(error));
    return error.errors[0].extensions.code === "UNAUTHENTICATED";
  });
});
tell();
