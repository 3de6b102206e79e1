"""Transports to a phone: a stream to an adb service, over TCP, USB or the running adb server."""
