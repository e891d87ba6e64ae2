"""Pixel classifiers as one Keras model, which is exported to ONNX."""
