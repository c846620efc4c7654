"""What Shopify's Admin API is asked, as of version 2026-10."""

from typing import Final

AT_ONCE: Final = 100  # of lists that end without a word where they are longer: then nothing of them is believed
_MONEY: Final = "amountSet { presentmentMoney { amount currencyCode } }"
_TRANSACTION: Final = f"id kind status gateway paymentId manualPaymentGateway {_MONEY}"
ORDER: Final = f"""
query EstornoOrder($id: ID!, $first: Int!) {{
  order(id: $id) {{
    id name updatedAt
    metafield(namespace: "estorno", key: "refunds") {{ value compareDigest }}
    transactions(first: $first) {{ {_TRANSACTION} }}
    refunds(first: $first) {{
      id note createdAt updatedAt
      transactions(first: $first) {{ nodes {{ {_TRANSACTION} parentTransaction {{ id paymentId }} }} }}
    }}
  }}
}}"""
ORDERS_MAX: Final = 50
ORDERS: Final = """
query EstornoOrders($query: String!, $after: String) {
  orders(first: 50, after: $after, query: $query, sortKey: UPDATED_AT) {
    pageInfo { hasNextPage endCursor }
    nodes { id refunds(first: 1) { id } }
  }
}"""
BY_NAME: Final = """
query EstornoOrderByName($query: String!) { orders(first: 5, query: $query) { nodes { id name } } }"""
ABOUT: Final = """
query EstornoAbout {
  shop { name myshopifyDomain currencyCode }
  currentAppInstallation { accessScopes { handle } }
  webhookSubscriptions(first: 100) { nodes { topic uri } }
}"""
REFUND_CREATE: Final = """
mutation EstornoRefundCreate($input: RefundInput!, $key: String!) {
  refundCreate(input: $input) @idempotent(key: $key) {
    refund { id }
    userErrors { field message }
  }
}"""
METAFIELD_SET: Final = """
mutation EstornoMetafieldSet($metafields: [MetafieldsSetInput!]!) {
  metafieldsSet(metafields: $metafields) { userErrors { field message code } }
}"""
TAGS_ADD: Final = """
mutation EstornoTagsAdd($id: ID!, $tags: [String!]!) {
  tagsAdd(id: $id, tags: $tags) { userErrors { field message } }
}"""
RESOLVE: Final = """
mutation EstornoResolve($id: ID!) {
  refundSessionResolve(id: $id) { refundSession { id } userErrors { field message code } }
}"""
REJECT: Final = """
mutation EstornoReject($id: ID!, $reason: RefundSessionRejectionReasonInput!) {
  refundSessionReject(id: $id, reason: $reason) { refundSession { id } userErrors { field message code } }
}"""
