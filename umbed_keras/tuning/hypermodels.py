"""Models with a space of hyperparameters."""

import numbers

import keras
import keras_tuner
import numpy as np

from umbed_keras.bottlenecks.dictionary_bottleneck import DictionaryBottleneck
from umbed_keras.bottlenecks.finite_scalar_quantizer import FiniteScalarQuantizer
from umbed_keras.bottlenecks.gaussian_bottleneck import GaussianBottleneck
from umbed_keras.bottlenecks.residual_vector_quantizer import ResidualVectorQuantizer
from umbed_keras.bottlenecks.scalar_quantizer import ScalarQuantizer
from umbed_keras.bottlenecks.vector_quantizer import VectorQuantizer
from umbed_keras.models import ImageAutoencoder, PixelEmbedder
from umbed_keras.ops.checks import check_at_least
from umbed_keras.tuning.rate_distortion import OBJECTIVE, RateDistortion

GAUSSIAN, VECTOR, RESIDUAL, DICTIONARY = "gaussian", "vector", "residual", "dictionary"
SCALAR, DENSITY = "scalar", "density"
SEPARATOR = ", "
# What `locals()` of a method has beside its arguments.
OWN_NAMES = ("self", "__class__")
KINDS = (GAUSSIAN, VECTOR, RESIDUAL, DICTIONARY, SCALAR, DENSITY)


class BottleneckHyperModel(keras_tuner.HyperModel):
    """What the spaces of models with a bottleneck have in common.

    A space is a dictionary of name to a value, which is fixed, or to several to choose from. Only
    combinations that make sense are in it: no vector has more atoms than the dictionary, or than
    it has entries.
    """

    # Arguments that are no hyperparameters: attributes of their names.
    SETTINGS = ("rate_weight", "coefficient_bits", "seed", "options")

    def __init__(self, arguments):
        """Keeps what a class was called with.

        Args:
            arguments: the `locals()` at the beginning of its `__init__`. All but `SETTINGS` are
                hyperparameters.
        """
        super().__init__()
        arguments = {name: arguments[name] for name in arguments if name not in OWN_NAMES}
        for name in self.SETTINGS:
            setattr(self, name, arguments.pop(name))
        self.space = arguments
        check_at_least(rate_weight=(0, self.rate_weight))
        for name, choice in self.space.items():
            self._check(name, choice)
        if DICTIONARY in _values(self.space["bottleneck"]):
            self._sparsities()  # refuses what allows none
        if DENSITY in _values(self.space["bottleneck"]) and not self.rate_weight:
            raise ValueError(f"`rate_weight` must be above 0 for {DENSITY!r}. Received: 0")

    @staticmethod
    def _check(name, choice):
        """Raises ValueError unless there is a value, or several, of the right kind."""
        values = _values(choice)
        if name == "bottleneck":
            allowed, right = f"among {KINDS}", [value in KINDS for value in values]
        elif name == "learning_rate":
            allowed, right = "above 0", [_is_number(value) and value > 0 for value in values]
        else:
            least = 2 if name in ("num_entries", "levels") else 1
            allowed = f"integers >= {least}"
            right = [_is_number(value) and not value % 1 and value >= least for value in values]
        if not right or not all(right):
            raise ValueError(
                f"`{name}` must be a value, or a list or tuple of values, {allowed}. "
                f"Received: {choice!r}"
            )

    def _vector_size(self, latent_dim):
        """Entries of the vectors that the bottleneck codes."""
        return latent_dim

    def _vector_pixels(self):
        """Pixels that such a vector stands for."""
        return 1

    def _choose_bottleneck(self, hp):
        """A bottleneck from the space, and the `latent_dim` that goes with it."""
        # KerasTuner must meet each parameter in each scope, by another name in each; outside the
        # scopes of this trial it gives None.
        kinds = _values(self.space["bottleneck"])
        found = {"bottleneck": self._choose(hp, "bottleneck")}

        def choose(name, scope="", among=None):
            value = self._choose(hp, name, scope, among)
            if value is not None:
                found[name] = value

        for kind in kinds:
            scope = kind if len(kinds) > 1 else ""
            with hp.conditional_scope("bottleneck", [kind]):
                choose("latent_dim", scope)
                if kind in (VECTOR, RESIDUAL):
                    choose("num_entries", scope)
                if kind == RESIDUAL:
                    choose("sparsity", scope)
                if kind == SCALAR:
                    choose("levels", scope)
                if kind == DICTIONARY:
                    self._choose_dictionary(hp, choose, scope)
        kind, latent_dim = found["bottleneck"], found["latent_dim"]
        size = self._vector_size(latent_dim)
        num_entries, sparsity = found.get("num_entries"), found.get("sparsity")
        common = {"dtype": "float32", "name": "bottleneck"}
        if kind == SCALAR:
            return FiniteScalarQuantizer(size, found["levels"], **common), latent_dim
        common["seed"] = self.seed
        if kind == GAUSSIAN:
            return GaussianBottleneck(size, **common), latent_dim
        if kind == VECTOR:
            return VectorQuantizer(num_entries, size, **common), latent_dim
        if kind == RESIDUAL:
            return ResidualVectorQuantizer(num_entries, size, sparsity, **common), latent_dim
        if kind == DENSITY:
            # What is minimised in training is then what the sweep minimises.
            weight = self.rate_weight / self._vector_pixels()
            return ScalarQuantizer(size, rate_weight=weight, **common), latent_dim
        bottleneck = DictionaryBottleneck(
            num_entries,
            size,
            sparsity,
            selection="ols",
            coefficient_bits=self.coefficient_bits,
            **common,
        )
        return bottleneck, latent_dim

    def _choose(self, hp, name, scope="", among=None):
        """The value of a hyperparameter, or None where its scope isn't the trial's."""
        values, name = self.space[name] if among is None else among, _join(name, scope)
        if name == "learning_rate" and isinstance(values, tuple) and len(values) == 2:
            return hp.Float(name, min(values), max(values), sampling="log")
        if isinstance(values, (list, tuple)):
            return hp.Choice(name, list(values))
        return hp.Fixed(name, values)

    def _choose_dictionary(self, hp, choose, scope):
        """Chooses S up to the vector's entries, and K from S up."""
        entries = _values(self.space["num_entries"])
        always = min(entries) >= max(_values(self.space["sparsity"]))
        if always:
            choose("num_entries", scope)
        for sizes, sparsities in self._sparsities().items():
            inside = _join(scope, f"latent_dim {'/'.join(map(str, sizes))}")
            with hp.conditional_scope(_join("latent_dim", scope), list(sizes)):
                choose("sparsity", inside, sparsities)
                for sparsity in [] if always else sparsities:
                    with hp.conditional_scope(_join("sparsity", inside), [sparsity]):
                        allowed = [count for count in entries if count >= sparsity]
                        choose("num_entries", _join(inside, f"sparsity {sparsity}"), allowed)

    def _sparsities(self):
        """Latent dims, as tuples, to the sparsities that a dictionary allows with them."""
        groups = {}
        for latent_dim in _values(self.space["latent_dim"]):
            limit = min(self._vector_size(latent_dim), max(_values(self.space["num_entries"])))
            allowed = tuple(count for count in _values(self.space["sparsity"]) if count <= limit)
            if not allowed:
                raise ValueError(
                    f"`sparsity` has nothing up to {limit}, the most that latent_dim={latent_dim} "
                    f"and `num_entries` allow. Received: {self.space['sparsity']}"
                )
            groups.setdefault(allowed, []).append(latent_dim)
        return {tuple(sizes): list(allowed) for allowed, sizes in groups.items()}

    def _compiled(self, hp, model):
        rate = self._choose(hp, "learning_rate")
        model.compile(optimizer=keras.optimizers.Adam(rate))
        # Its state is in the file from which a trial goes on.
        model.optimizer.build(model.trainable_variables)
        return model

    def fit(self, hp, model, *args, callbacks=(), **kwargs):
        """`model.fit` that reports `rate_distortion`."""
        callbacks = [RateDistortion(self.rate_weight), *callbacks]
        history = model.fit(*args, callbacks=callbacks, **kwargs)
        first = history.history[f"val_{OBJECTIVE}"][0]
        if not np.isfinite(first):  # nor is any that follows
            raise FloatingPointError(f"training diverged: `val_{OBJECTIVE}` is {first}")
        return history


class PixelEmbedderHyperModel(BottleneckHyperModel):
    """The space of pixel embedders.

    Each hyperparameter is a value, which is fixed, or a list or tuple of values to choose from.
    Sparsities above the number of atoms or `latent_dim` are left out where they would occur.

    Args:
        bottleneck: among `"gaussian"`, `"vector"`, `"residual"`, `"dictionary"`, `"scalar"` (a few
            levels) and `"density"` (integers, trained for their bits, each worth `rate_weight`).
        latent_dim: int, size of a pixel's vector.
        num_entries: int, entries of the codebook or atoms of the dictionary (K).
        sparsity: int, atoms of a vector, or stages of residual quantisation (S).
        levels: int, to which a number of scalar quantisation is rounded.
        learning_rate: float, of Adam; a tuple of two is a range, searched on a logarithmic scale.
        width: int, channels of the U-Net at half the resolution; each further level has twice as
            many.
        hidden_units: int, width of the decoder's two hidden layers.
        rate_weight: float, squared error that a bit per pixel is worth in what is minimised,
            `val_rate_distortion`.
        coefficient_bits: int, bits of a dictionary's coefficient, or None.
        seed: int.
        **options: other arguments of `PixelEmbedder`.

    Raises:
        ValueError: a space with nothing in it, or values that no model takes.
    """

    def __init__(
        self,
        bottleneck=DICTIONARY,
        latent_dim=(4, 8, 16, 32),
        num_entries=(16, 64, 256),
        sparsity=(1, 2, 4, 8),
        levels=(4, 8, 16),
        learning_rate=1e-3,
        width=32,
        hidden_units=128,
        rate_weight=1e-5,
        coefficient_bits=8,
        seed=0,
        **options,
    ):
        super().__init__(locals())

    def build(self, hp):
        bottleneck, latent_dim = self._choose_bottleneck(hp)
        width = self._choose(hp, "width")
        model = PixelEmbedder(
            latent_dim,
            bottleneck=bottleneck,
            widths=(width, 2 * width, 4 * width),
            hidden_units=(self._choose(hp, "hidden_units"),) * 2,
            seed=self.seed,
            **self.options,
        )
        return self._compiled(hp, model)


class ImageAutoencoderHyperModel(BottleneckHyperModel):
    """The space of image autoencoders.

    Args:
        bottleneck, latent_dim, num_entries, sparsity, levels, learning_rate, rate_weight,
            coefficient_bits, seed: as in `PixelEmbedderHyperModel`; `latent_dim` is the channels
            of the latent map.
        patch_size: int, side of the patches of the latent map that are coded as one vector.
        downsamplings: int, times that the resolution is halved.
        filters: int, channels inside encoder and decoder.
        **options: other arguments of `ImageAutoencoder`.

    Raises:
        ValueError: a space with nothing in it, or values that no model takes.
    """

    SETTINGS = (*BottleneckHyperModel.SETTINGS, "patch_size", "downsamplings")

    def __init__(
        self,
        bottleneck=DICTIONARY,
        latent_dim=(16, 64),
        num_entries=(128, 512),
        sparsity=(1, 2, 3, 5),
        levels=(4, 8, 16),
        learning_rate=1e-3,
        patch_size=1,
        downsamplings=2,
        filters=128,
        rate_weight=1e-4,
        coefficient_bits=8,
        seed=0,
        **options,
    ):
        super().__init__(locals())

    def _vector_size(self, latent_dim):
        return latent_dim * self.patch_size**2

    def _vector_pixels(self):
        return (self.patch_size * 2**self.downsamplings) ** 2

    def build(self, hp):
        bottleneck, _ = self._choose_bottleneck(hp)
        model = ImageAutoencoder(
            bottleneck,
            self.patch_size,
            downsamplings=self.downsamplings,
            filters=self._choose(hp, "filters"),
            seed=self.seed,
            **self.options,
        )
        return self._compiled(hp, model)


def _join(name, scope):
    """The name of a hyperparameter in a scope; `name` is what comes before the separator."""
    return f"{name}{SEPARATOR}{scope}" if name and scope else name or scope


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _values(values):
    return list(values) if isinstance(values, (list, tuple)) else [values]
