"""The regression gate's decision: pure functions of an append-only log of coin-ordered blocks."""
