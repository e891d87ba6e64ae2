"""How a codebook or dictionary is used."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="umbed_keras")
class CodeUsage(keras.metrics.Metric):
    """Counts how often each entry is used.

    Args:
        num_entries: int, size of the codebook or dictionary.
    """

    def __init__(self, num_entries, name="code_usage", **kwargs):
        super().__init__(name=name, **kwargs)
        self.num_entries = num_entries
        self.counts = self.add_weight(shape=(num_entries,), initializer="zeros", name="counts")

    def update_state(self, indices, sample_weight=None):
        """Adds codes.

        Args:
            indices: integers, any shape.
            sample_weight: None, or weights of the same shape; 0 leaves a code out.
        """
        indices = ops.reshape(ops.cast(indices, "int32"), (-1,))
        if sample_weight is None:
            weights = ops.ones_like(indices, dtype="float32")
        else:
            weights = ops.reshape(ops.cast(sample_weight, "float32"), (-1,))
        counts = ops.segment_sum(weights, indices, num_segments=self.num_entries)
        self.counts.assign_add(ops.cast(counts, self.counts.dtype))

    def perplexity(self):
        """2 to the entropy of use: the number of entries that are worth something, equally used.

        From 1 to `num_entries`; 1 before any code has been added.
        """
        counts = ops.convert_to_tensor(self.counts)
        total = ops.sum(counts)
        shares = counts / ops.where(total > 0, total, 1.0)
        logs = ops.log(ops.where(shares > 0, shares, 1.0))
        return ops.exp(-ops.sum(shares * logs))

    def fraction_used(self):
        """The share of entries used at least once, from 0 to 1."""
        return ops.mean(ops.cast(ops.convert_to_tensor(self.counts) > 0, "float32"))

    def result(self):
        """`{"perplexity", "fraction_used"}`."""
        return {"perplexity": self.perplexity(), "fraction_used": self.fraction_used()}

    def get_config(self):
        return {**super().get_config(), "num_entries": self.num_entries}
