"""Artifacts as models of other benchmarks: one core in NumPy, and a thin class for each."""
