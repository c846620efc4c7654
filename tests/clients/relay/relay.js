// The documents that relay-compiler reads; the tags are replaced by what it writes.
const { graphql } = require("relay-runtime");

graphql`
  query relayPaymentsQuery($first: Int!) {
    payments(first: $first) {
      edges {
        node {
          id
          refundable {
            minorUnits
          }
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`;
graphql`
  query relayNodesQuery($ids: [ID!]!) {
    nodes(ids: $ids) {
      __typename
      id
    }
  }
`;
graphql`
  mutation relayCreateMutation($input: RefundCreateInput!) {
    refundCreate(input: $input) {
      refund {
        id
        status
      }
      errors {
        __typename
        ... on Error {
          code
          message
        }
      }
    }
  }
`;
graphql`
  subscription relayFollowSubscription($refundId: ID!, $after: String) {
    refundEvents(refundId: $refundId, after: $after) {
      __typename
      ... on RefundEventMessage {
        event {
          id
          cursor
          sequence
          status
        }
      }
      ... on CaughtUpMessage {
        cursor
      }
      ... on HeartbeatMessage {
        cursor
      }
    }
  }
`;
graphql`
  fragment relayRefunds_payment on Query
  @refetchable(queryName: "relayRefundsPagination")
  @argumentDefinitions(first: { type: "Int", defaultValue: 10 }, after: { type: "String" }) {
    refunds(first: $first, after: $after) @connection(key: "relay_refunds") {
      edges {
        node {
          id
          status
        }
      }
    }
  }
`;
