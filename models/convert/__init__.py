"""Conversion: a model's TFLite files in each format, their manifests, and their fidelity."""
