import { createClient } from "graphql-sse";

import { resuming } from "./resuming.mjs";
import { FOLLOW, assert, check, given, refund, resumes, tell } from "./shared.mjs";

const client = (url, token) => createClient({ url, headers: { authorization: `Bearer ${token}` }, retry: () => pause(50) });
const pause = (milliseconds) => new Promise((later) => setTimeout(later, milliseconds));

await check("cut and resumed", () =>
  resumes((refundId, at, heard, ended) =>
    resuming(client(at.http, given.token)).subscribe(
      { query: FOLLOW, variables: { refundId } },
      { next: ({ data }) => heard(data.refundEvents), error: ended, complete: () => ended() },
    ),
  ),
);
await check("expired token", async () => {
  const refundId = await refund();
  const asked = new Promise((ended, failed) =>
    client(given.url, given.expired).subscribe(
      { query: FOLLOW, variables: { refundId } },
      { next: () => {}, error: failed, complete: ended },
    ),
  );
  await assert.rejects(asked, (error) => /401|Unauthorized/.test(`${error.response?.status} ${error.message}`));
});
tell();
