"""Vector quantization with a learned codebook."""

from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from umbed_keras.backend.variables import add_state
from umbed_keras.bottlenecks._revival import directions, revival_plan
from umbed_keras.bottlenecks._samples import mean_over, samples_of
from umbed_keras.bottlenecks.bottleneck import Bottleneck
from umbed_keras.bottlenecks.kmeans import kmeans
from umbed_keras.ops.checks import as_indices, check_at_least, check_integers
from umbed_keras.ops.rate import Bits, entropy, index_bits
from umbed_keras.typing import ArrayLike, Codes, Shape, Tensor

UPDATES = ("ema", "gradient")
DISTANCES = ("euclidean", "cosine")
# How far a revived entry is moved from its donor, relative to the size of the entries: enough for
# the two to part.
REVIVAL_STEP = 0.01


@keras.saving.register_keras_serializable(package="umbed_keras")
class VectorQuantizer(Bottleneck):
    """Replaces each latent vector by the nearest entry of a codebook (VQ).

    VQ-VAE (van den Oord, Vinyals & Kavukcuoglu 2017). The codebook learns by exponential moving
    averages (its appendix A.1) or by gradient. An entry that hardly any vector uses is revived as
    a slightly moved copy of a much-used one. Gradients pass as through the identity
    (straight-through).

    Codes are `{"indices"}`: int32 `(...)`, from 0 to `num_embeddings - 1`.

    Args:
        num_embeddings: int >= 2, number of entries of the codebook (K).
        latent_dim: int >= 1, size of an entry.
        commitment_weight: float >= 0, weight of the squared distance (mean over entries of the
            vectors) that pulls latents to their entries. Far below 1, the straight-through
            gradient drives latents away from their entries faster than the codebook follows.
        update: `"ema"` or `"gradient"`, how the codebook learns.
        decay: float in [0, 1), of the moving averages.
        distance: `"euclidean"`, or `"cosine"`: latents and entries are scaled to unit length.
        revival_threshold: float >= 0; an entry is revived when its share of use falls below this
            fraction of the mean share. 0 never revives.
        seed: int, of the initial codebook.
        **kwargs: other arguments of `Bottleneck`.

    Raises:
        ValueError: if an argument is outside its range.

    Examples:
        >>> layer = uk.layers.VectorQuantizer(num_embeddings=2, latent_dim=1)
        >>> layer.adapt(np.array([[0.0], [1.0], [1.0]]))
        >>> outputs = layer(np.array([[0.2], [0.9]], "float32"))
        >>> keras.ops.convert_to_numpy(outputs["latents"]).tolist()
        [[0.0], [1.0]]
        >>> layer.bits(outputs["codes"]).fixed_length
        1.0
    """

    # Largest values of arguments in a preset: see `zoo.preset_checks`.
    preset_sizes = ("num_embeddings", "latent_dim")
    preset_limits: ClassVar = {"commitment_weight": 1 << 20}
    repr_arguments = ("num_embeddings", "latent_dim")

    def __init__(
        self,
        num_embeddings: int,
        latent_dim: int,
        commitment_weight: float = 1.0,
        update: str = "ema",
        decay: float = 0.99,
        distance: str = "euclidean",
        revival_threshold: float = 0.01,
        seed: int | None = 0,
        **kwargs: Any,
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
    def num_entries(self) -> int:
        """Number of entries of the codebook."""
        return self.num_embeddings

    def build(self, input_shape: Shape | None = None) -> None:
        """Creates the codebook and the statistics that it follows."""
        shape = (self.num_embeddings, self.latent_dim)
        # Share of use and sum of latents of each entry: an entry is their ratio. Both start at
        # zero, so that the first batch has its full weight. Until then `start` is the entry.
        self.usage = add_state(self, "usage", shape[:1])
        # The entries of a gradient codebook are start + kernel. Revival moves `start`: a layer
        # may assign only weights that no optimizer trains (JAX's stateless training drops others).
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
    def codebook(self) -> Tensor:
        """The entries, float32 `(num_embeddings, latent_dim)`."""
        start = ops.convert_to_tensor(self.start)
        if self.update == "ema":
            usage = ops.convert_to_tensor(self.usage)[:, None]
            used = usage > 0
            entries = ops.where(used, self.sums / ops.where(used, usage, 1.0), start)
        else:
            # The product makes the gradient of a lookup dense on TensorFlow. In a sparse one with
            # repeated indices, Keras's `LossScaleOptimizer` overlooks NaN.
            entries = start + 1.0 * ops.cast(ops.convert_to_tensor(self.kernel), "float32")
        return self._scaled(entries)

    def pass_through(
        self, latents: Tensor, training: bool, mask: Tensor | None = None
    ) -> tuple[Tensor, Codes, Tensor]:
        """Quantizes float32 latents; see `Bottleneck.pass_through`."""
        latents = self._scaled(latents)
        entries, indices = self.nearest(latents)
        loss = self.attraction(latents, entries, mask)
        if training:
            self.learn(latents, indices, mask)
            entries = latents + ops.stop_gradient(entries - latents)
        return entries, {"indices": indices}, loss

    def nearest(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Finds the entry nearest to each latent vector.

        Args:
            latents: float32 `(..., latent_dim)`.

        Returns:
            The entries, float32 `(..., latent_dim)`, and their indices, int32 `(...)`.
        """
        codebook = self.codebook
        flat = ops.reshape(latents, (-1, self.latent_dim))
        # |x - c|^2 without the |x|^2 that all entries share.
        scores = ops.matmul(flat, ops.transpose(codebook))
        scores = scores - 0.5 * ops.sum(ops.square(codebook), axis=1)
        indices = ops.cast(ops.argmax(scores, axis=1), "int32")
        indices = ops.reshape(indices, ops.shape(latents)[:-1])
        return ops.take(codebook, indices, axis=0), indices

    def attraction(self, latents: Tensor, entries: Tensor, mask: Tensor | None = None) -> Tensor:
        """Computes the loss that pulls latents and entries together.

        Args:
            latents: float32 `(..., latent_dim)`.
            entries: float32 `(..., latent_dim)`, the nearest ones.
            mask: bool `(...)`, False for vectors that don't count; None if all count.

        Returns:
            float32 scalar tensor. It pulls latents to their entries, and, if `update` is
            `"gradient"`, entries to their latents.
        """
        distance = ops.square(latents - ops.stop_gradient(entries))
        loss = self.commitment_weight * mean_over(distance, mask)
        if self.update == "gradient":
            loss = loss + mean_over(ops.square(ops.stop_gradient(latents) - entries), mask)
        return loss

    def learn(self, latents: Tensor, indices: Tensor, mask: Tensor | None = None) -> None:
        """Updates the averages by a batch and revives dead entries, unless the layer is frozen.

        Args:
            latents: float32 `(..., latent_dim)`.
            indices: int32 `(...)`, the nearest entries.
            mask: bool `(...)`, False for vectors that don't count; None if all count.
        """
        if not self.trainable:
            return
        samples = samples_of(latents, mask)
        indices = ops.reshape(indices, (-1,))
        # A scatter: for 512 entries ten times as fast as a product with one-hot rows.
        usage = ops.segment_sum(samples.weights, indices, num_segments=self.num_embeddings)
        samples.update.move_average(self.usage, usage / samples.count, self.decay)
        if self.update == "ema":
            sums = ops.segment_sum(samples.vectors, indices, num_segments=self.num_embeddings)
            samples.update.move_average(self.sums, sums / samples.count, self.decay)
        if self.revival_threshold:
            self._revive(samples.update)

    def decode(self, codes: Codes) -> Tensor:
        """Looks up the entries that codes stand for, float32 `(..., latent_dim)`."""
        indices = as_indices("codes['indices']", codes["indices"], self.num_embeddings)
        return ops.take(self.codebook, indices, axis=0)

    def bits(self, codes: Codes) -> Bits:
        """Computes the `Bits` spent per latent vector."""
        return Bits(
            float(index_bits(self.num_embeddings)),
            entropy(np.ravel(ops.convert_to_numpy(codes["indices"]))),
        )

    def fixed_length_bits(self, codes: Codes) -> Tensor:
        """Returns the bits of an index, a float32 scalar."""
        return ops.convert_to_tensor(float(index_bits(self.num_embeddings)), dtype="float32")

    def adapt(self, latents: ArrayLike) -> None:
        """Starts the codebook at the k-means centres of a sample.

        Args:
            latents: floats `(n, latent_dim)`, finite.

        Raises:
            ValueError: if `latents` has another shape or no rows.
            ValueError: if `latents` contains NaN or infinite values.
        """
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

    def code_spec(self) -> dict[str, tuple[Shape, str]]:
        """Returns trailing shape and dtype of the codes."""
        return {"indices": ((), "int32")}

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal layer."""
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

    def _revive(self, update):
        usage = ops.convert_to_tensor(self.usage)
        dead, donors, shared = revival_plan(usage, self.revival_threshold)
        codebook = ops.stop_gradient(self.codebook)
        weights = ops.where(dead, 0.0, shared)
        squares = ops.sum(weights * ops.sum(ops.square(codebook), axis=1)) / ops.sum(weights)
        scale = REVIVAL_STEP * ops.sqrt(squares)
        revived = ops.take(codebook, donors, axis=0) + scale * self._directions
        entries = ops.where(dead[:, None], revived, codebook)
        update.assign(self.usage, shared)
        if self.update == "ema":
            update.assign(self.sums, entries * shared[:, None])
        else:
            start = ops.convert_to_tensor(self.start)
            kernel = ops.cast(ops.stop_gradient(ops.convert_to_tensor(self.kernel)), "float32")
            update.assign(self.start, ops.where(dead[:, None], entries - kernel, start))
