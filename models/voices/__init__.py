"""Synthetic voices: the model that speaks, its text, and its clips in the user's cache."""
