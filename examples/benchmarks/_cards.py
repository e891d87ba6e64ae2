"""What benchmarks add to the cards of presets."""

import json
from pathlib import Path

import umbed_keras as uk
from umbed_keras.zoo.format import METADATA
from umbed_keras.zoo.locations import find_preset


def add_to_card(preset, protocol, metrics):
    """Adds metrics to a preset's card, and to its protocol how they were measured.

    Args:
        preset: name or folder.
        protocol: str, one sentence or more, added unless it is there.
        metrics: name to float, 0..1, with others' names for others' figures.
    """
    folder = Path(find_preset(preset))
    card = json.loads((folder / METADATA).read_text()).get("card", {})
    known = card.get("protocol", "").replace(protocol, "").replace("  ", " ").strip()
    uk.zoo.write_card(
        folder,
        protocol=f"{known} {protocol}".strip(),
        metrics={**card.get("metrics", {}), **metrics},
    )
