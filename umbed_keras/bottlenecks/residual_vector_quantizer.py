"""Vector quantisation in stages, each of what the stages before left over."""

from typing import ClassVar

import keras
import numpy as np
from keras import ops

from umbed_keras.bottlenecks.bottleneck import Bottleneck
from umbed_keras.bottlenecks.symbols import ENTRY, Symbol
from umbed_keras.bottlenecks.vector_quantizer import VectorQuantizer
from umbed_keras.ops.checks import check_integers
from umbed_keras.ops.rate import Bits, entropy, index_bits


@keras.saving.register_keras_serializable(package="umbed_keras")
class ResidualVectorQuantizer(Bottleneck):
    """Replaces each latent vector by a sum of codebook entries, one a stage.

    Residual vector quantisation (Juang & Gray 1982; in autoencoders Zeghidour et al. 2021, Lee et
    al. 2022): a stage takes the entry nearest to what the stages before it left over. Codes are
    `{"indices"}`, int32 `(..., num_quantizers)`. The derivative is that of the identity
    (straight-through); every stage's distance to what it codes is in the loss.

    Args:
        num_embeddings: int, entries of a codebook (K).
        latent_dim: int, size of an entry.
        num_quantizers: int, stages (S).
        shared_codebook: bool; True gives all stages one codebook, False each its own.
        commitment_weight: float, weight of the squared distance (mean over latents' entries and
            stages) that pulls what a stage codes to its entry.
        update, decay, revival_threshold, seed: as in `VectorQuantizer`.
    """

    # Largest values of arguments in a preset: see `zoo.preset_checks`.
    preset_sizes = ("num_embeddings", "latent_dim")
    preset_limits: ClassVar = {"num_quantizers": 256, "commitment_weight": 1 << 20}
    repr_arguments = ("num_embeddings", "latent_dim", "num_quantizers")

    def __init__(
        self,
        num_embeddings,
        latent_dim,
        num_quantizers,
        shared_codebook=False,
        commitment_weight=1.0,
        update="ema",
        decay=0.99,
        revival_threshold=0.01,
        seed=0,
        **kwargs,
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
    def num_embeddings(self):
        return self.quantizers[0].num_embeddings

    @property
    def num_entries(self):
        return len(self.quantizers) * self.num_embeddings

    @property
    def num_indices(self):
        return self.num_embeddings

    @property
    def stages(self):
        """The quantiser of each stage: `num_quantizers` of them, or one again and again."""
        return self.quantizers * self.num_quantizers if self.shared_codebook else self.quantizers

    def build(self, input_shape=None):
        for quantizer in self.quantizers:
            quantizer.build()
            quantizer.built = True

    def pass_through(self, latents, training):
        residual, loss, coded = latents, 0.0, []
        for quantizer in self.stages:
            entries, indices = quantizer.nearest(residual)
            loss = loss + quantizer.attraction(residual, entries)
            coded.append((residual, indices))
            residual = residual - ops.stop_gradient(entries)
        if training:
            self._learn(coded)
            # All but what is left over, with the derivative of the latents.
            quantized = latents - ops.stop_gradient(residual)
        else:
            quantized = latents - residual
        codes = {"indices": ops.stack([indices for _, indices in coded], axis=-1)}
        return quantized, codes, loss / self.num_quantizers

    def decode(self, codes):
        indices = ops.convert_to_tensor(codes["indices"])
        return sum(
            quantizer.decode({"indices": indices[..., stage]})
            for stage, quantizer in enumerate(self.stages)
        )

    def bits(self, codes):
        indices = ops.convert_to_numpy(codes["indices"]).reshape(-1, self.num_quantizers)
        return Bits(
            float(self.num_quantizers * index_bits(self.num_embeddings)),
            sum(entropy(stage) for stage in indices.T),
        )

    def fixed_length_bits(self, codes):
        bits = self.num_quantizers * index_bits(self.num_embeddings)
        return ops.convert_to_tensor(float(bits), dtype="float32")

    def used_entries(self, codes):
        indices = ops.cast(codes["indices"], "int32")
        if not self.shared_codebook:
            indices = indices + self.num_embeddings * ops.arange(self.num_quantizers, dtype="int32")
        return indices, None

    def adapt(self, latents):
        """Starts each codebook at the k-means centres of what it will code of `(n, latent_dim)`."""
        latents = self._check_sample(latents)
        if not self.built:
            self.build()
            self.built = True
        residual, seen = latents, []
        for quantizer in self.stages:
            quantizer.adapt(residual)
            seen.append(residual)
            entries, _ = quantizer.nearest(ops.convert_to_tensor(residual))
            residual = residual - ops.convert_to_numpy(entries)
        if self.shared_codebook:
            self.quantizers[0].adapt(np.concatenate(seen))

    def code_spec(self):
        return {"indices": ((self.num_quantizers,), "int32")}

    def symbol_spec(self):
        return [Symbol(self.num_embeddings, ENTRY)] * self.num_quantizers

    def to_symbols(self, codes):
        return codes["indices"]

    def from_symbols(self, symbols):
        return {"indices": symbols}

    def get_config(self):
        quantizer = self.quantizers[0].get_config()
        shared = ("num_embeddings", "commitment_weight", "update", "decay", "revival_threshold")
        return {
            **super().get_config(),
            **{name: quantizer[name] for name in shared},
            "num_quantizers": self.num_quantizers,
            "shared_codebook": self.shared_codebook,
            "seed": self.seed,
        }

    def _learn(self, coded):
        if not self.shared_codebook:
            for quantizer, (residual, indices) in zip(self.quantizers, coded, strict=True):
                quantizer.learn(residual, indices)
            return
        # One update from all stages, so that the last doesn't weigh most.
        residuals, indices = (ops.stack(parts) for parts in zip(*coded, strict=True))
        self.quantizers[0].learn(residuals, indices)
