"""Networks in Keras: built from a spec, trained for int8 or low rank, exported to float32 TFLite."""
