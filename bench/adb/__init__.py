"""Phones through adb: one seam (a stream to a service), two ways behind it, one phone above."""
