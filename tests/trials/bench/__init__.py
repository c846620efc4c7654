"""Benchmarks behind `make bench`: ratios against a limit measured in the same run. Nothing here is asserted."""
