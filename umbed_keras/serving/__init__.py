"""What a service does with models: embedding whole stores."""

from umbed_keras.serving.store import embed_store

__all__ = ["embed_store"]
