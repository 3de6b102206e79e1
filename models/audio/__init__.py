"""Real audio: fetched packages or a folder of one's own, decoded, cut into tasks and patches."""
