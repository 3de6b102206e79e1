"""TFLite files: read, run on arrays, and quantised; LiteRT and its quantiser are imported here."""
