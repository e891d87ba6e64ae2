"""Measures of images and codes."""

from umbed_keras.metrics.code_usage import CodeUsage

__all__ = ["CodeUsage"]
