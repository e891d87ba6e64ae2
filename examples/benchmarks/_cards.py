"""Adds results of benchmarks to the cards of presets."""

import json
from pathlib import Path

import umbed_keras as uk
from umbed_keras.zoo.format import METADATA
from umbed_keras.zoo.locations import find_preset


def add_to_card(preset, protocol, metrics):
    """Adds metrics and their protocol to the card of a preset.

    Args:
        preset: name or folder.
        protocol: str, how the metrics are measured, in sentences. Added once.
        metrics: dictionary from a name to a float.
    """
    folder = Path(find_preset(preset))
    card = json.loads((folder / METADATA).read_text()).get("card", {})
    known = card.get("protocol", "").replace(protocol, "").replace("  ", " ").strip()
    uk.zoo.write_card(
        folder,
        protocol=f"{known} {protocol}".strip(),
        metrics={**card.get("metrics", {}), **metrics},
    )
