"""The gate's laboratory: devices, gates and histories whose truth is known, and rival tools."""
