"""Cards of presets: README.md, generated from the metadata."""

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from umbed_keras.files import written_whole
from umbed_keras.typing import PathLike
from umbed_keras.zoo.format import CARD, CONFIG, FIGURE, MAX_CONFIG, METADATA, read_json
from umbed_keras.zoo.preset_checks import known_classes

TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
HANDLE = re.compile(r'^model = uk\.\w+\.from_preset\("(.+)"\)$', re.MULTILINE)
# Names of metrics that are abbreviations, as `fit` and as a card write them.
ABBREVIATIONS = {"psnr": "PSNR, dB", "ssim": "SSIM", "lpips": "LPIPS", "fid": "FID"}
ENTRIES = (
    "description",
    "license",
    "data",
    "scaling",
    "training",
    "history",
    "protocol",
    "metrics",
)
# Entries of a configuration that say nothing to a reader.
_LEFT_OUT = ("name", "trainable", "dtype", "seed", "input_layers", "output_layers")
_LEFT_OUT += ("build_input_shape",)


def write_card(folder: PathLike, name: str | None = None, **entries: Any) -> None:
    """Adds entries to the metadata of a preset, and writes its card anew.

    Args:
        folder: path of a preset.
        name: str, name of the preset in the card; None for the folder's.
        **entries: `description`, str of one line; `license`, str, the licence of the weights in a
            few words; `data`, str, the training data; `scaling`, str, the `umbed_keras.Scaling` of
            its numbers; `training`, str, the command that trains the
            model; `history`, name to last value of each metric of `fit`; `protocol`, str, how the
            quality was measured; `metrics`, name to number, a name being words with the unit after
            a comma.

    Raises:
        ValueError: if an entry has another name.
        ValueError: if the metadata can't be read.
        OSError: if the folder holds no preset.

    Examples:
        >>> model = uk.VQVAE(num_embeddings=8, latent_dim=2, filters=4, residual_units=2)
        >>> model.save_to_preset("tiny")
        >>> uk.zoo.write_card("tiny", license="CC0", metrics={"PSNR, dB": 21.5})
        >>> "| PSNR, dB | 21.5 |" in Path("tiny/README.md").read_text()
        True
    """
    folder = Path(folder)
    unknown = sorted(set(entries) - set(ENTRIES))
    if unknown:
        raise ValueError(f"A card has the entries {ENTRIES}. Received: {unknown}")
    metadata = read_json(folder / METADATA)
    metadata["card"] = {**metadata.get("card", {}), **entries}
    _write(folder / METADATA, json.dumps(metadata, indent=2) + "\n")
    _write(folder / CARD, card_text(folder, name or folder.name, metadata))


def last_values(
    history: keras.callbacks.History | Mapping[str, list[float]],
) -> dict[str, float]:
    """Returns the last value of each metric of a training, of those whose last value is finite.

    Args:
        history: what `fit` returned, or its attribute `history`, name to list of values.

    Returns:
        Name to last value, and `epochs`, the number of epochs.

    Examples:
        >>> last_values({"loss": [2.0, 1.0], "psnr": [20.5, 21.5]})
        {'epochs': 2, 'loss': 1.0, 'psnr': 21.5}
    """
    if isinstance(history, keras.callbacks.History):
        history = history.history
    last = {name: float(values[-1]) for name, values in history.items() if len(values)}
    # JSON has no number for others.
    finite = {name: value for name, value in last.items() if math.isfinite(value)}
    return {"epochs": max(map(len, history.values()), default=0), **finite}


def is_generated(folder: Path, metadata: Mapping[str, Any]) -> bool:
    """Returns whether a card is as it was generated, and not edited since.

    Args:
        folder: `pathlib.Path` of a preset.
        metadata: dictionary, the content of its `metadata.json`.

    Returns:
        True if the card equals the generated one, under any name and handle; False if it does not,
        or if the preset can't be read.

    Examples:
        >>> model = uk.VQVAE(num_embeddings=8, latent_dim=2, filters=4, residual_units=2)
        >>> model.save_to_preset("tiny")
        >>> is_generated(Path("tiny"), read_json(Path("tiny/metadata.json")))
        True
        >>> _ = Path("tiny/README.md").write_text("# My preset")
        >>> is_generated(Path("tiny"), read_json(Path("tiny/metadata.json")))
        False
    """
    text = (folder / CARD).read_text(encoding="utf-8", errors="replace")
    title, handle = TITLE.search(text), HANDLE.search(text)
    if not (title and handle):
        return False
    try:
        return text == card_text(folder, title[1], metadata, handle[1])
    except (OSError, ValueError, KeyError):
        return False


def card_text(
    folder: Path, name: str, metadata: Mapping[str, Any], handle: str | None = None
) -> str:
    """Generates the text of a card.

    Args:
        folder: `pathlib.Path` of a preset.
        name: str, the title of the card.
        metadata: dictionary, the content of its `metadata.json`.
        handle: str, the argument of `from_preset` in the card's example; None for `name`.

    Returns:
        The text, Markdown with a header for Hugging Face.

    Raises:
        OSError: if the folder holds no preset.
        ValueError: if the configuration can't be read.

    Examples:
        >>> model = uk.VQVAE(num_embeddings=8, latent_dim=2, filters=4, residual_units=2)
        >>> model.save_to_preset("tiny")
        >>> text = card_text(Path("tiny"), "tiny", {}, "hf://me/tiny")
        >>> 'model = uk.VQVAE.from_preset("hf://me/tiny")' in text
        True
    """
    card, config = metadata.get("card", {}), read_json(folder / CONFIG, MAX_CONFIG)
    kind = config["class_name"]
    settings = {
        "class": kind,
        "parameters": f"{metadata.get('parameter_count', 0):,}",
        "weights stored as": f"{metadata.get('weights_dtype')}, statistics as float32",
    }
    for attribute, network in metadata.get("networks", {}).items():
        whole = f"{network['class']} {network['name']} of {network['library']} {network['version']}"
        settings[attribute.replace(".", " ")] = whole
    # A user's own subclass is not among the known classes.
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
    if "scaling" in card:
        parts += [f"Numbers of its images were scaled by `{card['scaling']}`.", ""]
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
    """Rows of a table from a configuration: name in words to value, of an object in one line."""
    settings = {}
    for name, value in config.items():
        if name in _LEFT_OUT:
            continue
        if isinstance(value, list) and value and all(isinstance(part, dict) for part in value):
            value = len(value)  # the layers of a network
        if isinstance(value, dict):
            inner = ", ".join(f"{key} {part}" for key, part in _settings(value["config"]).items())
            value = f"{value['class_name']}: {inner}" if inner else value["class_name"]
        settings[name.replace("_", " ")] = value
    return settings


def _in_words(history):
    """The last values of `fit` under the names that a card has for metrics."""
    values = {}
    for name, value in history.items():
        words = name.removeprefix("val_")
        words = ABBREVIATIONS.get(words, words.replace("_", " "))
        values[f"validation: {words}" if name.startswith("val_") else words] = value
    return values


def _table(rows):
    values = {
        name: f"{value:.4g}" if isinstance(value, float) else value for name, value in rows.items()
    }
    return ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in values.items()), ""]


def _write(path, text):
    with written_whole(path) as new:
        new.write_text(text, encoding="utf-8")
