"""Students, their TFLite files, and the accuracy of these: distil, convert, score."""
