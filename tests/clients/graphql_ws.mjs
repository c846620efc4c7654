import { createClient } from "graphql-ws";

import { cursorOf } from "./resuming.mjs";
import { FOLLOW, WebSocket, assert, cancel, check, given, refund, resumes, tell, until } from "./shared.mjs";

await check("token that expires", async () => {
  // 4401 is final to graphql-ws: subscribe again with a fresh token, behind the last cursor.
  const refundId = await refund();
  const heard = [];
  let after = null;
  const follow = async (token) => {
    const client = createClient({
      url: given.websocket,
      webSocketImpl: WebSocket,
      connectionParams: { Authorization: `Bearer ${token}` },
    });
    const variables = { refundId, after };
    for await (const result of client.iterate({ query: FOLLOW, variables })) {
      after = cursorOf(result) ?? after;
      heard.push(result.data.refundEvents);
    }
  };
  const caughtUp = () => heard.filter((one) => one.__typename === "CaughtUpMessage").length;
  await assert.rejects(follow(given.expiring), (closed) => closed.code === 4401);
  const before = caughtUp();
  const going = follow(given.token);
  await until(() => caughtUp() > before, "caught up again");
  await cancel(refundId);
  await going;
  const sequences = heard.filter((one) => one.event).map((one) => one.event.sequence);
  assert.deepEqual(sequences, [1, 2], "nothing twice, nothing left out");
});
await check("cut and resumed", () =>
  resumes((refundId, at, heard, ended) => {
    const client = createClient({
      url: at.websocket,
      webSocketImpl: WebSocket,
      connectionParams: { Authorization: `Bearer ${given.token}` },
    });
    let after = null;
    client.subscribe(
      {
        query: FOLLOW,
        get variables() {
          return { refundId, after };
        },
      },
      {
        next(result) {
          after = cursorOf(result) ?? after;
          heard(result.data.refundEvents);
        },
        error: ended,
        complete: () => ended(),
      },
    );
  }),
);
await check("expired token", async () => {
  const client = createClient({
    url: given.websocket,
    webSocketImpl: WebSocket,
    connectionParams: { Authorization: `Bearer ${given.expired}` },
  });
  const asked = client.iterate({ query: FOLLOW, variables: { refundId: "x" } }).next();
  await assert.rejects(asked, (closed) => closed.code === 4401);
});
tell();
