"""What a device is doing, and what was seen around a process."""
