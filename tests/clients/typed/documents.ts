import { graphql } from "./gql/index.js";

export const Refunds = graphql(`
  query Refunds($first: Int!, $filter: RefundFilter) {
    refunds(first: $first, filter: $filter) {
      totalCount
      totalCountExceeded
      nodes {
        id
        status
        amount {
          minorUnits
          currency
        }
        createdAt
      }
    }
  }
`);
export const Refund = graphql(`
  mutation Refund($input: RefundCreateInput!) {
    refundCreate(input: $input) {
      refund {
        id
        status
      }
      errors {
        __typename
        ... on Error {
          code
          message(locale: "es")
          path
        }
        ... on AmountExceedsRefundableError {
          refundable {
            minorUnits
          }
        }
      }
    }
  }
`);
