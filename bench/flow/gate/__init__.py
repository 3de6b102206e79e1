"""A gate from files to verdicts: sides, blocks, the log, calibration, history."""
