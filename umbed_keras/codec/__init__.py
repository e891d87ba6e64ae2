"""Codes as bytes: symbols, how probable they are, the range coder, the stream."""

from umbed_keras.codec.codec import Codec

__all__ = ["Codec"]
