"""Measurement plans: devices, cases, suites, and the order of the processes."""
