"""Verbs that run the whole line in one command."""
