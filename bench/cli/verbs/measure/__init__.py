"""Verbs that measure: devices, latency, the gate."""
