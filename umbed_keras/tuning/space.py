"""Search spaces of models with a bottleneck."""

import dataclasses
import numbers
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

GAUSSIAN, VECTOR, RESIDUAL, DICTIONARY = "gaussian", "vector", "residual", "dictionary"
SCALAR, DENSITY = "scalar", "density"
KINDS = (GAUSSIAN, VECTOR, RESIDUAL, DICTIONARY, SCALAR, DENSITY)

# A fixed value, or values to choose from.
Names: TypeAlias = str | Sequence[str]
Sizes: TypeAlias = int | Sequence[int]
Rates: TypeAlias = float | Sequence[float]


@dataclass(frozen=True)
class BottleneckSpace:
    """Hyperparameters that all models with a bottleneck share.

    Each is one value, which is fixed, or a list or tuple of values to choose from.

    Args:
        bottleneck: str, one of `KINDS`.
        latent_dim: int >= 1, channels of the latents.
        num_entries: int >= 2, entries of the codebook or atoms of the dictionary.
        sparsity: int >= 1, atoms of a dictionary code, or stages of residual quantisation.
        levels: int >= 2, levels of a scalar quantiser.
        learning_rate: float > 0. A tuple of two is a range, searched on a logarithmic scale.

    Raises:
        ValueError: if a hyperparameter has no value, or a value out of its range.

    Examples:
        >>> space = BottleneckSpace("dictionary", (2, 4), 8, (1, 3), 4, 1e-3)
        >>> space.latent_dim
        (2, 4)
        >>> space.dictionary_sparsities()
        {(2,): [1], (4,): [1, 3]}
    """

    bottleneck: Names
    latent_dim: Sizes
    num_entries: Sizes = field(metadata={"least": 2})
    sparsity: Sizes
    levels: Sizes = field(metadata={"least": 2})
    learning_rate: Rates

    def __post_init__(self) -> None:
        for each in dataclasses.fields(self):
            _check(each.name, getattr(self, each.name), each.metadata.get("least", 1))

    def dictionary_sparsities(self, positions: int = 1) -> dict[tuple[int, ...], list[int]]:
        """Groups latent dims by the sparsities that a dictionary allows for them.

        A code has at most as many atoms as its vector has entries and as the dictionary has atoms.

        Args:
            positions: int, positions of the latent map in one coded vector, which has
                `positions * latent_dim` entries.

        Returns:
            dict, tuple of latent dims to the list of their sparsities.

        Raises:
            ValueError: if no sparsity is small enough for one of the latent dims.
        """
        groups: dict[tuple[int, ...], list[int]] = {}
        for latent_dim in as_list(self.latent_dim):
            limit = min(positions * latent_dim, max(as_list(self.num_entries)))
            allowed = tuple(value for value in as_list(self.sparsity) if value <= limit)
            if not allowed:
                raise ValueError(
                    f"`sparsity` must have a value of at most {limit}, which is all that "
                    f"latent_dim={latent_dim} and `num_entries` allow. Received: {self.sparsity}"
                )
            groups.setdefault(allowed, []).append(latent_dim)
        return {tuple(latent_dims): list(allowed) for allowed, latent_dims in groups.items()}


@dataclass(frozen=True)
class PixelEmbedderSpace(BottleneckSpace):
    """Hyperparameters of `PixelEmbedder`.

    Args:
        width: int >= 1, channels of the U-Net at half the resolution.
        hidden_units: int >= 1, width of the decoder's hidden layers.

    Examples:
        >>> sizes = {"num_entries": 8, "sparsity": 2, "levels": 4, "learning_rate": 1e-3}
        >>> space = PixelEmbedderSpace("vector", 4, width=(16, 32), hidden_units=64, **sizes)
        >>> space.width
        (16, 32)
    """

    width: Sizes
    hidden_units: Sizes


@dataclass(frozen=True)
class ImageAutoencoderSpace(BottleneckSpace):
    """Hyperparameters of `ImageAutoencoder`.

    Args:
        filters: int >= 1, channels inside encoder and decoder.

    Examples:
        >>> sizes = {"num_entries": 8, "sparsity": 2, "levels": 4, "learning_rate": 1e-3}
        >>> ImageAutoencoderSpace("vector", 4, filters=[64, 128], **sizes).filters
        [64, 128]
    """

    filters: Sizes


def as_list(choice: Any) -> list[Any]:
    """Returns the values of a hyperparameter as a list.

    Examples:
        >>> as_list(4), as_list((4, 8))
        ([4], [4, 8])
    """
    return list(choice) if isinstance(choice, (list, tuple)) else [choice]


def _check(name: str, choice: Any, least: int) -> None:
    """Raises ValueError unless a hyperparameter has values, all of them in its range."""
    values = as_list(choice)
    if name == "bottleneck":
        allowed, right = f"among {KINDS}", [value in KINDS for value in values]
    elif name == "learning_rate":
        allowed, right = "above 0", [_is_number(value) and value > 0 for value in values]
    else:
        allowed = f"integers >= {least}"
        right = [_is_number(value) and not value % 1 and value >= least for value in values]
    if not right or not all(right):
        raise ValueError(
            f"`{name}` must be a value, or a list or tuple of values, {allowed}. "
            f"Received: {choice!r}"
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
