"""Verbs that make models and files, and score their accuracy."""
