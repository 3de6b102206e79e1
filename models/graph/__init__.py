"""The graph of a TFLite file: its operators with their shapes, and files that are cut out of it."""
