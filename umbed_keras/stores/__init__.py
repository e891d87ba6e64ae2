"""Stores on disk: embedding of images of any size by any number of workers."""

from umbed_keras.stores.embedding import embed_store

__all__ = ["embed_store"]
