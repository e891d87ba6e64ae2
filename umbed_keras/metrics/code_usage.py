"""Usage of a codebook or dictionary."""

from typing import Any

import keras
from keras import ops

from umbed_keras.ops.checks import as_indices
from umbed_keras.typing import ArrayLike, Tensor


@keras.saving.register_keras_serializable(package="umbed_keras")
class CodeUsage(keras.metrics.Metric):
    """Counts how often each entry of a codebook or dictionary is used.

    Args:
        num_entries: int, size of the codebook or dictionary.
        name: str, name of the metric.
        **kwargs: other arguments of `keras.metrics.Metric`.

    Examples:
        >>> usage = uk.metrics.CodeUsage(num_entries=4)
        >>> usage.update_state([[0, 0, 1, 1]])
        >>> {name: round(float(value), 3) for name, value in usage.result().items()}
        {'perplexity': 2.0, 'fraction_used': 0.5}
    """

    def __init__(self, num_entries: int, name: str = "code_usage", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.num_entries = num_entries
        self.counts = self.add_weight(shape=(num_entries,), initializer="zeros", name="counts")

    def update_state(self, indices: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        """Adds codes.

        Args:
            indices: integers in 0..num_entries - 1, any shape.
            sample_weight: weights of the same shape, or None. Weight 0 leaves a code out.

        Raises:
            TypeError: if `indices` are not integers.
            ValueError: if an index lies outside 0..num_entries - 1.
        """
        indices = ops.reshape(as_indices("indices", indices, self.num_entries), (-1,))
        if sample_weight is None:
            weights = ops.ones_like(indices, dtype="float32")
        else:
            weights = ops.reshape(ops.cast(sample_weight, "float32"), (-1,))
        counts = ops.segment_sum(weights, indices, num_segments=self.num_entries)
        self.counts.assign_add(ops.cast(counts, self.counts.dtype))

    def perplexity(self) -> Tensor:
        """Returns the effective number of entries, 2 to the power of the entropy in bits.

        Returns:
            float32 scalar tensor from 1 to `num_entries`; 1 without any codes.
        """
        counts = ops.convert_to_tensor(self.counts)
        total = ops.sum(counts)
        shares = counts / ops.where(total > 0, total, 1.0)
        logs = ops.log(ops.where(shares > 0, shares, 1.0))
        return ops.exp(-ops.sum(shares * logs))

    def fraction_used(self) -> Tensor:
        """Returns the share of entries that are used at least once.

        Returns:
            float32 scalar tensor from 0 to 1.
        """
        return ops.mean(ops.cast(ops.convert_to_tensor(self.counts) > 0, "float32"))

    def result(self) -> dict[str, Tensor]:
        """Returns a dict with `perplexity` and `fraction_used`, float32 scalar tensors."""
        return {"perplexity": self.perplexity(), "fraction_used": self.fraction_used()}

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_entries": self.num_entries}
