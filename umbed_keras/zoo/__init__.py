"""Presets: found, checked, kept, described, listed and published."""

from umbed_keras.zoo.cards import write_card
from umbed_keras.zoo.presets import (
    index_presets,
    list_presets,
    load_preset,
    upload_preset,
    write_codec,
)

__all__ = [
    "index_presets",
    "list_presets",
    "load_preset",
    "upload_preset",
    "write_card",
    "write_codec",
]
