"""What is true of refunds, whoever asks: the API and the jobs stand on it."""

import gc
import os

# A program keeps all that it imports. At Python's own threshold (700 new objects) the collector looks through all of
# that again and again while it grows, which is a tenth of the time that a program takes to start.
gc.set_threshold(10_000)

# What a step of a night has freed, the next one asks for again. polars gives it back to the system after half a second,
# and to get it anew, page by page, takes a fifth of a long night. Read once, as polars is imported.
os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:10000")
