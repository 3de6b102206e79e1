"""Wake words and other events: detectors over audio as deployed, false alarms, misses."""
