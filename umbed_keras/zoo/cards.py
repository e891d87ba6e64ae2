"""The card of a preset, README.md, written from what is known."""

import json
import re
from pathlib import Path

import keras

from umbed_keras.files import written_whole
from umbed_keras.zoo.format import (
    CARD,
    CONFIG,
    FIGURE,
    METADATA,
    known_classes,
    read_json,
)

TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
HANDLE = re.compile(r'^model = uk\.\w+\.from_preset\("(.+)"\)$', re.MULTILINE)
# What `fit` calls metrics whose names are no words.
ABBREVIATIONS = {"psnr": "PSNR, dB", "ssim": "SSIM", "lpips": "LPIPS", "fid": "FID"}
ENTRIES = ("description", "license", "data", "training", "history", "protocol", "metrics")


def write_card(folder, name=None, **entries):
    """Adds to what is known of a preset, and writes its card anew.

    Args:
        folder: path of a preset.
        name: str, the preset's; None is the folder's.
        **entries: `description`, a line; `license`, of the weights, a few words; `data`, what it
            learned from; `training`, the command; `history`, name to last value of what `fit`
            reported, which the card shows in words; `protocol`, how the quality was measured;
            `metrics`, name to number, a name in words with its unit after a comma.

    Raises:
        ValueError: another entry, or metadata that can't be read.
        OSError: a folder that holds no preset.
    """
    folder = Path(folder)
    unknown = sorted(set(entries) - set(ENTRIES))
    if unknown:
        raise ValueError(f"A card has the entries {ENTRIES}. Received: {unknown}")
    metadata = read_json(folder / METADATA)
    metadata["card"] = {**metadata.get("card", {}), **entries}
    _write(folder / METADATA, json.dumps(metadata, indent=2) + "\n")
    _write(folder / CARD, card_text(folder, name or folder.name, metadata))


def last_values(history):
    """Name to last value of a `keras.callbacks.History`, or of its dictionary of lists."""
    if isinstance(history, keras.callbacks.History):
        history = history.history
    last = {name: float(values[-1]) for name, values in history.items() if len(values)}
    return {"epochs": max(map(len, history.values()), default=0), **last}


def is_generated(folder, metadata):
    """Whether a preset's card is as it was generated, under whatever name and handle.

    It isn't if what it was made from is broken.
    """
    text = (folder / CARD).read_text(encoding="utf-8", errors="replace")
    title, handle = TITLE.search(text), HANDLE.search(text)
    if not (title and handle):
        return False
    try:
        return text == card_text(folder, title[1], metadata, handle[1])
    except (OSError, ValueError, KeyError):
        return False


def card_text(folder, name, metadata, handle=None):
    """The card of a preset folder, called `name`, from what its metadata say.

    `handle` is what `from_preset` is to be given, where that isn't the name.
    """
    card, config = metadata.get("card", {}), read_json(folder / CONFIG)
    kind = config["class_name"]
    settings = {
        "class": kind,
        "parameters": f"{metadata.get('parameter_count', 0):,}",
        "weights stored as": f"{metadata.get('weights_dtype')}, statistics as float32",
    }
    # A subclass of someone's own is none of these.
    usage = getattr(known_classes().get(config["registered_name"]), "usage", ())
    parts = [
        "---",
        "library_name: umbed_keras",
        "license: other",
        f"license_name: {json.dumps(card.get('license', 'not stated'))}",
        "tags: [keras, umbed_keras]",
        "---",
        f"# {name}",
        "",
        card.get("description", f"A `umbed_keras.{kind}`."),
        "",
        "```python",
        "import umbed_keras as uk",
        "",
        f'model = uk.{kind}.from_preset("{handle or name}")',
        *usage,
        "```",
        "",
    ]
    if (folder / FIGURE).exists():
        parts += [f"![What the model makes of a portrait]({FIGURE})", ""]
    parts += [
        *_table({**settings, **_settings(config["config"])}),
        "## Data and licence",
        "",
        card.get("data", "Not stated."),
        "",
        f"Licence of the weights: {card.get('license', 'not stated')}.",
        "",
        "## Training",
        "",
    ]
    if "training" in card:
        parts += ["The command that makes it:", "", "```bash", card["training"], "```", ""]
    if "history" in card:
        parts += ["What `fit` reported last:", "", *_table(_in_words(card["history"]))]
    if not {"training", "history"} & set(card):
        parts += ["Not stated.", ""]
    parts += ["## Quality, measured on the stored weights", "", card.get("protocol", ""), ""]
    parts += _table(card["metrics"]) if "metrics" in card else ["Not measured.", ""]
    return "\n".join(parts).replace("\n\n\n", "\n\n")


def _settings(config):
    """What a configuration says, name to text; of an object, its class and what it says."""
    found = {}
    for name, value in config.items():
        if name in ("name", "trainable", "dtype", "seed"):
            continue
        if isinstance(value, dict):
            inner = ", ".join(f"{key} {part}" for key, part in _settings(value["config"]).items())
            value = f"{value['class_name']}: {inner}" if inner else value["class_name"]
        found[name.replace("_", " ")] = value
    return found


def _in_words(history):
    """What `fit` reported, by names in the style of metrics."""
    found = {}
    for name, value in history.items():
        words = name.removeprefix("val_")
        words = ABBREVIATIONS.get(words, words.replace("_", " "))
        found[f"validation: {words}" if name.startswith("val_") else words] = value
    return found


def _table(rows):
    values = {
        name: f"{value:.4g}" if isinstance(value, float) else value for name, value in rows.items()
    }
    return ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in values.items()), ""]


def _write(path, text):
    """Replaces a text file whole."""
    with written_whole(path) as new:
        new.write_text(text, encoding="utf-8")
