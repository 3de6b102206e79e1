"""The state of a device, and the telemetry of a process."""
