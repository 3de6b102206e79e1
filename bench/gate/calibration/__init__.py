"""What a device's noise is, from files measured against themselves, and what a gate costs."""
