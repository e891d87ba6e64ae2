"""Residual vector quantization: stages that each code the error of the stages before."""

from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from umbed_keras.bottlenecks.bottleneck import Bottleneck
from umbed_keras.bottlenecks.vector_quantizer import VectorQuantizer
from umbed_keras.ops.checks import check_integers
from umbed_keras.ops.rate import Bits, entropy, index_bits
from umbed_keras.typing import ArrayLike, Codes, Shape, Tensor


@keras.saving.register_keras_serializable(package="umbed_keras")
class ResidualVectorQuantizer(Bottleneck):
    """Replaces each latent vector by a sum of codebook entries, one from each stage (RVQ).

    Residual vector quantization (Juang & Gray 1982; in autoencoders Zeghidour et al. 2021, Lee et
    al. 2022). Each stage takes the entry nearest to the residual that the stages before it leave.
    Gradients pass as through the identity (straight-through). The loss is the mean over stages of
    the loss of a `VectorQuantizer`.

    Codes are `{"indices"}`: int32 `(..., num_quantizers)`, from 0 to `num_embeddings - 1`.

    Args:
        num_embeddings: int >= 2, number of entries of a codebook (K).
        latent_dim: int >= 1, size of an entry.
        num_quantizers: int >= 1, number of stages (S).
        shared_codebook: bool; True gives all stages one codebook, False each its own.
        commitment_weight: float >= 0, weight of the squared distance (mean over entries of the
            vectors and over stages) that pulls residuals to their entries.
        update: `"ema"` or `"gradient"`, how the codebooks learn.
        decay: float in [0, 1), of the moving averages.
        revival_threshold: float >= 0; an entry is revived when its share of use falls below this
            fraction of the mean share. 0 never revives.
        seed: int, of the initial codebooks.
        **kwargs: other arguments of `Bottleneck`.

    Raises:
        ValueError: if an argument is outside its range.

    Examples:
        >>> layer = uk.layers.ResidualVectorQuantizer(8, latent_dim=4, num_quantizers=3)
        >>> outputs = layer(np.ones((5, 4), "float32"))
        >>> tuple(outputs["codes"]["indices"].shape)
        (5, 3)
        >>> layer.bits(outputs["codes"]).fixed_length
        9.0
    """

    # Largest values of arguments in a preset: see `zoo.preset_checks`.
    preset_sizes = ("num_embeddings", "latent_dim")
    preset_limits: ClassVar = {"num_quantizers": 256, "commitment_weight": 1 << 20}
    repr_arguments = ("num_embeddings", "latent_dim", "num_quantizers")

    def __init__(
        self,
        num_embeddings: int,
        latent_dim: int,
        num_quantizers: int,
        shared_codebook: bool = False,
        commitment_weight: float = 1.0,
        update: str = "ema",
        decay: float = 0.99,
        revival_threshold: float = 0.01,
        seed: int | None = 0,
        **kwargs: Any,
    ):
        super().__init__(latent_dim, **kwargs)
        check_integers(num_quantizers=(1, num_quantizers))
        self.num_quantizers = int(num_quantizers)
        self.shared_codebook = bool(shared_codebook)
        self.seed = seed
        self.quantizers = [
            VectorQuantizer(
                num_embeddings,
                latent_dim,
                commitment_weight=commitment_weight,
                update=update,
                decay=decay,
                revival_threshold=revival_threshold,
                seed=None if seed is None else seed + stage,
                dtype=self.dtype_policy,
                name=f"quantizer_{stage}",
            )
            for stage in range(1 if shared_codebook else self.num_quantizers)
        ]

    @property
    def num_embeddings(self) -> int:
        """Number of entries of a codebook."""
        return self.quantizers[0].num_embeddings

    @property
    def num_entries(self) -> int:
        """Number of entries of all codebooks."""
        return len(self.quantizers) * self.num_embeddings

    @property
    def num_indices(self) -> int:
        """Number of values of an index, which are the entries of one codebook."""
        return self.num_embeddings

    @property
    def stages(self) -> list[VectorQuantizer]:
        """The quantizer of each stage; with a shared codebook the same one for all."""
        return self.quantizers * self.num_quantizers if self.shared_codebook else self.quantizers

    def build(self, input_shape: Shape | None = None) -> None:
        """Creates the codebooks."""
        for quantizer in self.quantizers:
            quantizer.build()
            quantizer.built = True

    def pass_through(
        self, latents: Tensor, training: bool, mask: Tensor | None = None
    ) -> tuple[Tensor, Codes, Tensor]:
        """Quantizes float32 latents; see `Bottleneck.pass_through`."""
        residual, loss, coded = latents, 0.0, []
        for quantizer in self.stages:
            entries, indices = quantizer.nearest(residual)
            loss = loss + quantizer.attraction(residual, entries, mask)
            coded.append((residual, indices))
            residual = residual - ops.stop_gradient(entries)
        if training:
            if self.trainable:
                self._learn(coded, mask)
            # The latents without the last residual, with the derivative of the latents.
            quantized = latents - ops.stop_gradient(residual)
        else:
            quantized = latents - residual
        codes = {"indices": ops.stack([indices for _, indices in coded], axis=-1)}
        return quantized, codes, loss / self.num_quantizers

    def decode(self, codes: Codes) -> Tensor:
        """Adds up the entries of each code, float32 `(..., latent_dim)`."""
        indices = ops.convert_to_tensor(codes["indices"])
        return sum(
            quantizer.decode({"indices": indices[..., stage]})
            for stage, quantizer in enumerate(self.stages)
        )

    def bits(self, codes: Codes) -> Bits:
        """Computes the `Bits` spent per latent vector; each stage is coded by itself."""
        indices = ops.convert_to_numpy(codes["indices"]).reshape(-1, self.num_quantizers)
        return Bits(
            float(self.num_quantizers * index_bits(self.num_embeddings)),
            sum(entropy(stage) for stage in indices.T),
        )

    def fixed_length_bits(self, codes: Codes) -> Tensor:
        """Returns the bits of the indices of all stages, a float32 scalar."""
        bits = self.num_quantizers * index_bits(self.num_embeddings)
        return ops.convert_to_tensor(float(bits), dtype="float32")

    def used_entries(self, codes: Codes) -> tuple[Tensor, None]:
        """Returns the entries of codes, numbered through all codebooks, and None for weights."""
        indices = ops.cast(codes["indices"], "int32")
        if not self.shared_codebook:
            indices = indices + self.num_embeddings * ops.arange(self.num_quantizers, dtype="int32")
        return indices, None

    def adapt(self, latents: ArrayLike) -> None:
        """Starts each codebook at the k-means centres of its stage's residuals of a sample.

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
        residual, residuals = latents, []
        for quantizer in self.stages:
            quantizer.adapt(residual)
            residuals.append(residual)
            entries, _ = quantizer.nearest(ops.convert_to_tensor(residual))
            residual = residual - ops.convert_to_numpy(entries)
        if self.shared_codebook:
            self.quantizers[0].adapt(np.concatenate(residuals))

    def code_spec(self) -> dict[str, tuple[Shape, str]]:
        """Returns trailing shape and dtype of the codes."""
        return {"indices": ((self.num_quantizers,), "int32")}

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal layer."""
        quantizer = self.quantizers[0].get_config()
        shared = ("num_embeddings", "commitment_weight", "update", "decay", "revival_threshold")
        return {
            **super().get_config(),
            **{name: quantizer[name] for name in shared},
            "num_quantizers": self.num_quantizers,
            "shared_codebook": self.shared_codebook,
            "seed": self.seed,
        }

    def _learn(self, coded, mask):
        """Updates the codebooks by the residuals and indices of the stages."""
        if not self.shared_codebook:
            for quantizer, (residual, indices) in zip(self.quantizers, coded, strict=True):
                quantizer.learn(residual, indices, mask)
            return
        # One update by all stages, so that the last doesn't have most weight.
        residuals, indices = (ops.stack(parts) for parts in zip(*coded, strict=True))
        if mask is not None:
            mask = ops.stack([mask] * self.num_quantizers)
        self.quantizers[0].learn(residuals, indices, mask)
