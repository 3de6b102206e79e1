"""Whether a device computes what the host does, and the accuracy of its own outputs."""
