"""Small bugs, planted on purpose: a simulation that does not find each of them proves nothing."""
