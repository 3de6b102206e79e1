"""Networks in Keras: built from a spec, made ready for int8 or low rank, exported to TFLite."""
