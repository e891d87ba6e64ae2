"""What a service does with models: embedding whole stores, keeping images as bytes."""

from umbed_keras.stores.store import embed_store

__all__ = ["embed_store"]
