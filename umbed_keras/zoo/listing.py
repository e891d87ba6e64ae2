"""Lists of presets: the table that users see, and the index of a folder of presets."""

import fnmatch
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from umbed_keras.files import written_whole
from umbed_keras.typing import PathLike
from umbed_keras.zoo.format import FILES, file_entry, read_json
from umbed_keras.zoo.locations import (
    INDEX,
    VARIABLE,
    builtin_presets,
    presets_folder,
    presets_in,
    read_index,
)
from umbed_keras.zoo.preset_checks import read_preset
from umbed_keras.zoo.table import Table

# Columns that the printed table has.
COLUMNS = ("name", "class", "parameters", "size", "license", "metrics")


def list_presets(pattern: str | None = None) -> Table:
    """Lists the built-in presets, and those of the server in `UMBED_PRESETS_URL`.

    Args:
        pattern: str with the wildcards `*` and `?`, which the names must match; None for all.

    Returns:
        A list of dictionaries, printed as a table. Each has `name`, `class`, `parameters` (their
        number), `size` (of all files, in bytes), `license` (of the weights), `description`, and
        `metrics` (name to number, measured on the stored weights; the first two are printed).

    Raises:
        OSError: if the server can't be reached.
        ValueError: if the server has no valid index.

    Examples:
        >>> rows = uk.list_presets("celeba_v*")
        >>> [row["name"] for row in rows]
        ['celeba_vae_d16', 'celeba_vq_k16', 'celeba_vqvae_k512']
        >>> rows[0]["class"]
        'PixelEmbedder'
    """
    presets = {}
    if os.environ.get(VARIABLE):
        presets |= read_index(os.environ[VARIABLE].rstrip("/"))
    presets |= _builtin_index()
    return preset_table({name: presets[name] for name in fnmatch.filter(presets, pattern or "*")})


def preset_table(presets: Mapping[str, Mapping[str, Any]]) -> Table:
    """Turns the presets of an index into the table of `list_presets`.

    Args:
        presets: name to entry, as `index_presets` returns them.

    Returns:
        A `Table`, one row for each preset, sorted by name.

    Examples:
        >>> files = {"config.json": {"size": 2, "sha256": "0" * 64}}
        >>> preset_table({"mine": {"class": "VQVAE", "parameters": 1000, "files": files}})
        name  class  parameters  size  license  metrics
        mine  VQVAE       1,000     2
    """
    rows = (
        {
            "name": name,
            "class": entry.get("class", ""),
            "parameters": entry.get("parameters", 0),
            "size": sum(file["size"] for file in entry["files"].values()),
            "license": entry.get("license", ""),
            "description": entry.get("description", ""),
            "metrics": entry.get("metrics", {}),
        }
        for name, entry in sorted(presets.items())
    )
    return Table(rows, COLUMNS)


def index_presets(folder: PathLike) -> dict[str, dict[str, Any]]:
    """Writes `index.json` to a folder of presets, so that any web server can host the folder.

    Args:
        folder: path of the folder, whose subfolders are presets.

    Returns:
        Name to entry of every preset: `class`, `files` with sizes and SHA-256, `parameters`,
        `license`, `description` and `metrics`.

    Raises:
        ValueError: if a preset can't be read.
        OSError: if the index can't be written.

    Examples:
        >>> model = uk.VQVAE(num_embeddings=8, latent_dim=2, filters=4, residual_units=2)
        >>> model.save_to_preset("zoo/tiny")
        >>> presets = uk.zoo.index_presets("zoo")
        >>> presets["tiny"]["class"], sorted(presets["tiny"]["files"])[0]
        ('VQVAE', 'README.md')
    """
    folder = Path(folder)
    presets = {}
    for name, path in presets_in(folder).items():
        config, metadata = read_preset(path)
        card = metadata.get("card", {})
        presets[name] = {
            "class": config["class_name"],
            "parameters": metadata.get("parameter_count", 0),
            "license": card.get("license", ""),
            "description": card.get("description", ""),
            "metrics": card.get("metrics", {}),
            "files": {file: file_entry(path / file) for file in FILES if (path / file).is_file()},
        }
    with written_whole(folder / INDEX) as new:
        new.write_text(json.dumps({"presets": presets}, indent=2) + "\n", encoding="utf-8")
    return presets


class BuiltinPresets:
    """Class property that holds the built-in presets of a class, read on access.

    Examples:
        >>> row = uk.PixelEmbedder.presets["natural_vae_d16"]
        >>> row["class"], Path(row["path"]).name
        ('PixelEmbedder', 'natural_vae_d16')
    """

    def __get__(self, instance: object | None, owner: type) -> dict[str, dict[str, Any]]:
        builtin = builtin_presets()
        return {
            row["name"]: {**row, "path": str(builtin[row["name"]])}
            for row in preset_table(_builtin_index())
            if row["class"] == owner.__name__
        }


def _builtin_index():
    return read_json(presets_folder() / INDEX)["presets"]
