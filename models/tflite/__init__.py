"""TFLite files: read, run on arrays, quantised; LiteRT and its quantiser are imported here."""
