"""A virtual Android handset on this machine: real adbd, shell and benchmark tool, no phone."""
