"""Networks in Keras: built from a spec, prepared for int8 or low rank, exported to TFLite."""
