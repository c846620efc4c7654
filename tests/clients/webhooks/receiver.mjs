// A receiver of Estorno's webhooks in Node: it verifies each with the official library and tells what it took.
// Run as: SECRETS="whsec_…" node receiver.mjs; it says on its first line at which port of this machine it listens.
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const webhooks = process.env.SECRETS.split(" ").map((secret) => new Webhook(secret));
const seen = new Set(); // in your database, with the message itself

function verified(body, headers) {
  for (const webhook of webhooks) {
    try {
      return webhook.verify(body, headers);
    } catch {
      // signed with another secret, forged, or too old
    }
  }
  return null;
}

const server = createServer((request, response) => {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => {
    const event = verified(Buffer.concat(pieces).toString("utf8"), request.headers);
    if (event === null) {
      response.writeHead(401).end();
      return;
    }
    const id = request.headers["webhook-id"];
    if (!seen.has(id)) {
      seen.add(id);
      console.log(JSON.stringify({ id, type: event.type, data: event.data }));
    }
    response.writeHead(204).end();
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
