"""A callback that resumes training after the process was killed."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from umbed_keras.files import written_whole
from umbed_keras.typing import PathLike


class TrainingBackup(keras.callbacks.Callback):
    """Saves the state of training after every epoch, and resumes from it.

    The state is one file, `training_state.npz`, with all variables of the model and its optimizer
    (the seeds of random layers too) and the number of finished epochs. It is replaced as a whole,
    so that a process that is killed at any moment leaves the last complete state. When `fit` is
    called again with a callback for the same folder, the same data and the same arguments, it
    continues after the last finished epoch. On one CPU with a fixed number of threads the final
    weights equal those of uninterrupted training.

    The file stays when training ends. Delete it to train anew.

    Args:
        folder: path of the folder of the file, which is created if it does not exist.

    Raises:
        ValueError: at the start of `fit`, if the file holds the state of another model or
            optimizer.

    Examples:
        >>> model = uk.VQVAE(num_embeddings=4, latent_dim=2, filters=4, residual_blocks=0)
        >>> model.compile("adam")
        >>> images = np.zeros((2, 8, 8, 3), "uint8")
        >>> backup = uk.TrainingBackup("state")
        >>> _ = model.fit(images, epochs=1, callbacks=[backup], verbose=0)
        >>> model.fit(images, epochs=2, callbacks=[backup], verbose=0).epoch
        [1]
    """

    def __init__(self, folder: PathLike) -> None:
        super().__init__()
        self.path = Path(folder) / "training_state.npz"

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Restores the state, or saves the one that training begins with.

        Args:
            logs: unused.
        """
        # On TensorFlow Keras builds the optimizer's variables only with the first step.
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)
        if self.path.exists():
            self._restore()
        else:
            # A run that is killed in its first epoch begins with the same weights again.
            self._save(epochs_done=0)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Resets the first epoch, which would apply to every later `fit` of the model.

        Args:
            logs: unused.
        """
        self.model._initial_epoch = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Saves the state.

        Args:
            epoch: int, number of the epoch from 0.
            logs: unused.
        """
        self._save(epochs_done=epoch + 1)

    def _variables(self):
        return [*self.model.variables, *self.model.optimizer.variables]

    def _save(self, epochs_done):
        arrays: dict[str, Any] = {
            f"{index:04d}": _to_numpy(variable) for index, variable in enumerate(self._variables())
        }
        arrays["epochs_done"] = epochs_done
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(self.path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)

    def _restore(self):
        variables = self._variables()
        with np.load(self.path, allow_pickle=False) as state:
            arrays = [state[name] for name in sorted(set(state.files) - {"epochs_done"})]
            epochs_done = int(state["epochs_done"])
        if [array.shape for array in arrays] != [tuple(v.shape) for v in variables]:
            raise ValueError(
                f"{self.path} holds the training of another model or optimizer. Pass another "
                "folder, or delete the file to train anew."
            )
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)
        # The attribute by which Keras's own BackupAndRestore sets the first epoch of `fit`.
        self.model._initial_epoch = epochs_done


def _to_numpy(variable: keras.Variable) -> np.ndarray:
    """Returns a variable's value; bfloat16, which NumPy's files do not support, as float32."""
    value = keras.ops.convert_to_tensor(variable)
    if keras.backend.standardize_dtype(variable.dtype) == "bfloat16":
        value = keras.ops.cast(value, "float32")
    return keras.ops.convert_to_numpy(value)
