"""ONNX files: run by onnxruntime, and converted to TFLite."""
