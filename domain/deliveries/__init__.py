"""How news leaves us: endpoints with a position in the sealed history, deliveries that are due, channels that speak.

Pure: `channels` build a request and read its answer, as a PSE's connector does. Who sends is jobs/deliveries.
"""
