"""What measurements mean: outcomes, statistics, conditions of a device, validity and caveats."""
