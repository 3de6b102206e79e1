"""Embeddings of clips: their windows and log-mel frames, worked on in pieces, kept by content."""
