"""A model file of one's own: what it is, its float32 file, its real inputs, and its formats."""
