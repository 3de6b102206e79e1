"""Conversion: a model's TFLite files in each format, their manifests, and how near they come."""
