"""Updates of running statistics by a batch, which a bad batch skips."""

from keras import Variable, ops

from umbed_keras.backend.processes import replica_sum
from umbed_keras.typing import Tensor


class StatisticsUpdate:
    """One update of a layer's statistics by a batch that several replicas may share.

    A batch without samples, or with NaN or infinite ones, must not enter a running average, which
    it would spoil for good. Replicas with such a batch are left out. If all are, no statistic
    changes. Every replica takes part in the same reductions, so that all end with the same values.

    Args:
        valid: bool scalar tensor, False if this replica's batch must not count.

    Examples:
        >>> average = keras.Variable([1.0, 2.0], trainable=False)
        >>> update = StatisticsUpdate(keras.ops.convert_to_tensor(True))
        >>> update.move_average(average, keras.ops.ones(2), decay=0.5)
        >>> keras.ops.convert_to_numpy(average).tolist()
        [1.0, 1.5]
        >>> bad = StatisticsUpdate(keras.ops.convert_to_tensor(False))
        >>> bad.move_average(average, np.nan * keras.ops.ones(2), decay=0.5)
        >>> keras.ops.convert_to_numpy(average).tolist()
        [1.0, 1.5]
    """

    def __init__(self, valid: Tensor):
        self._valid = valid
        count = replica_sum(ops.cast(valid, "float32"))
        self._any_valid = count > 0
        self._num_valid = ops.maximum(count, 1.0)

    def mean(self, values: Tensor) -> Tensor:
        """Computes the mean of a tensor over the replicas whose batch is valid.

        Args:
            values: float tensor, this replica's.

        Returns:
            Tensor like `values`, without derivative; 0 if no batch is valid.
        """
        counted = ops.where(self._valid, ops.stop_gradient(values), 0.0)
        return replica_sum(counted) / self._num_valid

    def assign(self, variable: Variable, value: Tensor) -> None:
        """Assigns a value to a variable, unless no batch is valid.

        Args:
            variable: variable that no optimizer trains.
            value: tensor of the variable's shape.
        """
        old = ops.convert_to_tensor(variable)
        variable.assign(ops.where(self._any_valid, value, old))

    def move_average(self, average: Variable, values: Tensor, decay: float) -> None:
        """Moves a running average towards the mean of a tensor over replicas.

        Args:
            average: variable that no optimizer trains.
            values: tensor of the variable's shape, this replica's.
            decay: float in [0, 1), the weight of the present average.
        """
        self.assign(average, decay * average + (1 - decay) * self.mean(values))
