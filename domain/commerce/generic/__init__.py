"""Anything that can sign a request and read an answer: an ERP, a module of a shop, a robot."""
