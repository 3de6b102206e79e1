"""A phone as a device: tool, files, settings, readiness, processes; lost phones."""
