"""Real audio: fetched packages or the user's own folder, decoded, cut into tasks and patches."""
