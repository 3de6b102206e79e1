"""What ``doctor`` checks: this machine and phones."""
