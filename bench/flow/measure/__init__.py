"""From a suite to outcomes: the sweep of a device, its session, one process after the other."""
