"""Tidy frames in; the frontier, plots, pages and interchange files out."""
