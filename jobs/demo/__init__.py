"""The demo day: real refunds over real HTTP against the Pix sandbox, from the click to the reconciled ledger."""
