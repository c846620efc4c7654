"""WooCommerce: told by a webhook that is sent once, so looked at all the same."""
