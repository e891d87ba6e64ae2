"""Vector quantisation with a learned codebook."""

from typing import ClassVar

import keras
import numpy as np
from keras import ops

from umbed_keras.backend.processes import move_average
from umbed_keras.backend.variables import add_state
from umbed_keras.bottlenecks._revival import directions, revival_plan
from umbed_keras.bottlenecks._totals import totals
from umbed_keras.bottlenecks.bottleneck import Bottleneck
from umbed_keras.bottlenecks.kmeans import kmeans
from umbed_keras.bottlenecks.symbols import ENTRY, Symbol
from umbed_keras.ops.checks import check_at_least, check_integers
from umbed_keras.ops.rate import Bits, entropy, index_bits

UPDATES = ("ema", "gradient")
DISTANCES = ("euclidean", "cosine")


@keras.saving.register_keras_serializable(package="umbed_keras")
class VectorQuantizer(Bottleneck):
    """Replaces each latent vector by the nearest entry of a codebook.

    VQ-VAE (van den Oord, Vinyals & Kavukcuoglu 2017), with codebook learning by exponential
    moving averages (its appendix A.1) or by gradient. An entry that hardly anything uses is
    revived as a slightly moved copy of a much-used one. Codes are `{"indices"}`, int32 `(...)`.
    The derivative is that of the identity (straight-through).

    Args:
        num_embeddings: int, entries of the codebook (K).
        latent_dim: int, size of an entry.
        commitment_weight: float, weight of the squared distance (mean over latents' entries) that
            pulls latents to their entries. Much below 1 the straight-through gradient drives
            latents away from their entries faster than the codebook follows.
        update: `"ema"` or `"gradient"`, how the codebook learns.
        decay: float in [0, 1), of the moving averages.
        distance: `"euclidean"`, or `"cosine"`: latents and entries are scaled to unit length.
        revival_threshold: float, an entry is revived when its share of use falls below this
            fraction of the mean; 0 never revives.
        seed: int, of the codebook's start.
    """

    # Largest values of arguments in a preset: see `zoo.preset_checks`.
    preset_sizes = ("num_embeddings", "latent_dim")
    preset_limits: ClassVar = {"commitment_weight": 1 << 20}
    repr_arguments = ("num_embeddings", "latent_dim")

    def __init__(
        self,
        num_embeddings,
        latent_dim,
        commitment_weight=1.0,
        update="ema",
        decay=0.99,
        distance="euclidean",
        revival_threshold=0.01,
        seed=0,
        **kwargs,
    ):
        super().__init__(latent_dim, **kwargs)
        check_integers(num_embeddings=(2, num_embeddings))
        if update not in UPDATES:
            raise ValueError(f"`update` must be one of {UPDATES}. Received: {update!r}")
        if distance not in DISTANCES:
            raise ValueError(f"`distance` must be one of {DISTANCES}. Received: {distance!r}")
        check_at_least(
            commitment_weight=(0, commitment_weight), revival_threshold=(0, revival_threshold)
        )
        if not 0 <= decay < 1:
            raise ValueError(f"`decay` must lie in [0, 1). Received: {decay}")
        self.num_embeddings = int(num_embeddings)
        self.commitment_weight = float(commitment_weight)
        self.update = update
        self.decay = float(decay)
        self.distance = distance
        self.revival_threshold = float(revival_threshold)
        self.seed = seed

    @property
    def num_entries(self):
        return self.num_embeddings

    def build(self, input_shape=None):
        shape = (self.num_embeddings, self.latent_dim)
        # Share of use and sum of latents of each entry: an entry is their ratio. Both begin at
        # zero, so that the first batch weighs what it should; until then `start` stands in.
        self.usage = add_state(self, "usage", shape[:1])
        # In a gradient codebook `start` is the part that revival moves: a layer may assign only
        # weights that no optimizer trains (JAX's stateless training drops the others).
        normal = keras.initializers.RandomNormal(stddev=1.0, seed=self.seed)
        self.start = add_state(self, "start", shape, normal)
        if self.update == "ema":
            self.sums = add_state(self, "sums", shape)
        else:
            self.kernel = self.add_weight(
                shape=shape, initializer="zeros", autocast=False, name="kernel"
            )
        self._directions = directions(*shape)

    @property
    def codebook(self):
        """The entries, float32 `(num_embeddings, latent_dim)`."""
        start = ops.convert_to_tensor(self.start)
        if self.update == "ema":
            usage = ops.convert_to_tensor(self.usage)[:, None]
            used = usage > 0
            entries = ops.where(used, self.sums / ops.where(used, usage, 1.0), start)
        else:
            entries = start + ops.cast(ops.convert_to_tensor(self.kernel), "float32")
        return self._scaled(entries)

    def pass_through(self, latents, training):
        latents = self._scaled(latents)
        entries, indices = self.nearest(latents)
        loss = self.attraction(latents, entries)
        if training:
            self.learn(latents, indices)
            entries = latents + ops.stop_gradient(entries - latents)
        return entries, {"indices": indices}, loss

    def nearest(self, latents):
        """The entry nearest to each latent vector `(..., latent_dim)`, and its index `(...)`."""
        codebook = self.codebook
        flat = ops.reshape(latents, (-1, self.latent_dim))
        # |x - c|^2 without the |x|^2 that all entries share.
        scores = ops.matmul(flat, ops.transpose(codebook))
        scores = scores - 0.5 * ops.sum(ops.square(codebook), axis=1)
        indices = ops.cast(ops.argmax(scores, axis=1), "int32")
        indices = ops.reshape(indices, ops.shape(latents)[:-1])
        return ops.take(codebook, indices, axis=0), indices

    def attraction(self, latents, entries):
        """The loss that pulls latents to their entries, and a gradient codebook to its latents."""
        loss = self.commitment_weight * ops.mean(ops.square(latents - ops.stop_gradient(entries)))
        if self.update == "gradient":
            loss = loss + ops.mean(ops.square(ops.stop_gradient(latents) - entries))
        return loss

    def learn(self, latents, indices):
        """Updates the averages with a batch and its `nearest` indices, then revives entries."""
        flat = ops.stop_gradient(ops.reshape(latents, (-1, self.latent_dim)))
        count = ops.cast(ops.shape(flat)[0], "float32")
        usage = totals(ops.ones_like(flat[:, 0]), indices, self.num_embeddings)
        move_average(self.usage, usage / count, self.decay)
        if self.update == "ema":
            sums = totals(flat, indices, self.num_embeddings)
            move_average(self.sums, sums / count, self.decay)
        if self.revival_threshold:
            self._revive()

    def decode(self, codes):
        return ops.take(self.codebook, ops.convert_to_tensor(codes["indices"]), axis=0)

    def bits(self, codes):
        return Bits(
            float(index_bits(self.num_embeddings)),
            entropy(np.ravel(ops.convert_to_numpy(codes["indices"]))),
        )

    def fixed_length_bits(self, codes):
        return ops.convert_to_tensor(float(index_bits(self.num_embeddings)), dtype="float32")

    def adapt(self, latents):
        """Starts the codebook at the k-means centres of a sample `(n, latent_dim)`."""
        latents = self._check_sample(latents)
        if not self.built:
            self.build()
            self.built = True
        latents = ops.convert_to_numpy(self._scaled(ops.convert_to_tensor(latents)))
        centres, shares = kmeans(latents, self.num_embeddings, seed=self.seed)
        self.start.assign(centres)
        self.usage.assign(shares)
        if self.update == "ema":
            self.sums.assign(centres * shares[:, None])
        else:
            self.kernel.assign(ops.zeros(self.kernel.shape))

    def code_spec(self):
        return {"indices": ((), "int32")}

    def symbol_spec(self):
        return [Symbol(self.num_embeddings, ENTRY)]

    def to_symbols(self, codes):
        return codes["indices"][..., None]

    def from_symbols(self, symbols):
        return {"indices": symbols[..., 0]}

    def get_config(self):
        return {
            **super().get_config(),
            "num_embeddings": self.num_embeddings,
            "commitment_weight": self.commitment_weight,
            "update": self.update,
            "decay": self.decay,
            "distance": self.distance,
            "revival_threshold": self.revival_threshold,
            "seed": self.seed,
        }

    def _scaled(self, vectors):
        return ops.normalize(vectors, axis=-1) if self.distance == "cosine" else vectors

    def _revive(self):
        usage = ops.convert_to_tensor(self.usage)
        dead, donors, shared = revival_plan(usage, self.revival_threshold)
        codebook = ops.stop_gradient(self.codebook)
        # A hundredth of the living entries' size: enough for the two to part.
        weights = ops.where(dead, 0.0, shared)
        squares = ops.sum(weights * ops.sum(ops.square(codebook), axis=1)) / ops.sum(weights)
        scale = 0.01 * ops.sqrt(squares)
        revived = ops.take(codebook, donors, axis=0) + scale * self._directions
        entries = ops.where(dead[:, None], revived, codebook)
        self.usage.assign(shared)
        if self.update == "ema":
            self.sums.assign(entries * shared[:, None])
        else:
            start = ops.convert_to_tensor(self.start)
            kernel = ops.cast(ops.stop_gradient(ops.convert_to_tensor(self.kernel)), "float32")
            self.start.assign(ops.where(dead[:, None], entries - kernel, start))
