"""The decisions of the gate: pure functions of an append-only log of blocks in random order."""
