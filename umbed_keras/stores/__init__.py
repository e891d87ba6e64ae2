"""Stores on disk: embedding and segmentation of images of any size by any number of workers."""

from umbed_keras.stores.embedding import embed_store
from umbed_keras.stores.segmentation import segment_store

__all__ = ["embed_store", "segment_store"]
