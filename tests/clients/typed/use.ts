// What a frontend team writes against the generated types: amounts and moments are strings, states a closed set of words.
import { Refund } from "./documents.js";
import type { RefundsQuery } from "./gql/graphql.js";
import type { Finding, MutationRefundCreateArgs, Query, RefundStatus } from "./schema.js";

export const amounts = (told: RefundsQuery): bigint[] => told.refunds.nodes.map((one) => BigInt(one.amount.minorUnits));
export const asked: MutationRefundCreateArgs["input"] = {
  paymentId: "UGF5bWVudDp4",
  amount: { minorUnits: "1050", currency: "BRL" },
  reason: "CUSTOMER_REQUEST",
  idempotencyKey: "made-once-per-click-and-kept",
};
export const isOver = (status: RefundStatus): boolean => status === "SUCCEEDED" || status === "FAILED";
export const title = (finding: Finding): string => finding.title;
export const counted = (query: Query): number | null | undefined => query.refunds.totalCount;

// A trusted document by its name, as docs/frontend.md has it: the generated types do not tell that they carry one.
const nameOf = (document: object) => (document as { __meta__?: { hash?: string } }).__meta__?.hash;
export const body = JSON.stringify({ documentId: nameOf(Refund), variables: { input: asked } });
