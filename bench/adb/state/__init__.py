"""A phone's facts, its state, what a process used on it, and the settings that we change."""
