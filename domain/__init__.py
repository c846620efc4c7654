"""What is true of refunds, whoever asks: the API and the jobs stand on it."""

import gc

# A program keeps all that it imports. At Python's own threshold (700 new objects) the collector looks through all of
# that again and again while it grows, which is a tenth of the time that a program takes to start.
gc.set_threshold(10_000)
