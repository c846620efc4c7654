"""Machines die: load, faults, and the verdict over the books afterwards."""
