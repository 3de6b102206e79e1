"""Device profiles: the limits within which a device's numbers are worth keeping."""
