"""Accuracy of an embedding: clips to vectors, linear heads, scores with confidence intervals."""
