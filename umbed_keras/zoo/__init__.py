"""Presets: finding, checking, loading, saving, describing, listing and publishing them."""

from umbed_keras.zoo.cards import write_card
from umbed_keras.zoo.listing import index_presets, list_presets
from umbed_keras.zoo.preset_mixin import load_preset
from umbed_keras.zoo.publishing import upload_preset
from umbed_keras.zoo.saving import write_codec

__all__ = [
    "index_presets",
    "list_presets",
    "load_preset",
    "upload_preset",
    "write_card",
    "write_codec",
]
