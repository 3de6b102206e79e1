"""frill-bench: on-device benchmarking of speech embeddings."""
