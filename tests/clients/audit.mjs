// The public audit of GraphQL over HTTP: https://github.com/graphql/graphql-http.
import { auditServer } from "graphql-http";

import { given } from "./shared.mjs";

const fetchFn = (url, init = {}) =>
  fetch(url, { ...init, headers: { ...init.headers, authorization: `Bearer ${given.token}` } });
const found = await auditServer({ url: given.url, fetchFn });
process.stdout.write(
  JSON.stringify(found.map(({ id, name, status, reason }) => ({ id, name, status, reason: String(reason ?? "") }))),
);
process.exit(0);
