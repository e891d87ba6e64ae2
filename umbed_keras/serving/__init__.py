"""What a service does with models: embedding whole stores, keeping images as bytes."""

from umbed_keras.serving.store import embed_store

__all__ = ["embed_store"]
