"""Magento Open Source and Adobe Commerce: credit memos, told by Adobe's events or found by looking."""
