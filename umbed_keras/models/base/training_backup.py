"""Training that survives being killed."""

from pathlib import Path

import keras
import numpy as np

from umbed_keras.files import written_whole


class TrainingBackup(keras.callbacks.Callback):
    """Writes the state of training after every epoch, and resumes from it.

    The state is one file: every variable of the model and its optimizer (seeds of random layers
    among them) and the number of epochs done. It is written beside and swapped in, so that a
    break at any moment leaves the last whole one. `fit` called again with the same callback,
    data and arguments goes on where that was; on one CPU with a fixed number of threads the
    weights come out as without the break. The file stays when training ends: delete it to train
    anew.

    Args:
        folder: path; made if need be.
    """

    def __init__(self, folder):
        super().__init__()
        self.path = Path(folder) / "training_state.npz"

    def on_train_begin(self, logs=None):
        # On TensorFlow Keras builds the optimizer's variables only with the first step.
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)
        if self.path.exists():
            self._restore()
        else:
            # The weights that training began with are part of what must come again.
            self._save(epochs_done=0)

    def on_train_end(self, logs=None):
        # It would hold for every later `fit` of this model.
        self.model._initial_epoch = None

    def on_epoch_end(self, epoch, logs=None):
        self._save(epochs_done=epoch + 1)

    def _variables(self):
        return [*self.model.variables, *self.model.optimizer.variables]

    def _save(self, epochs_done):
        arrays = {
            f"{place:04d}": _to_numpy(variable) for place, variable in enumerate(self._variables())
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(self.path) as new, new.open("wb") as file:
            np.savez(file, epochs_done=epochs_done, **arrays)

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
        # How Keras's own BackupAndRestore tells `fit` where to begin.
        self.model._initial_epoch = epochs_done


def _to_numpy(variable):
    """A variable's value in a type that files keep: NumPy's format doesn't know bfloat16."""
    value = keras.ops.convert_to_tensor(variable)
    if keras.backend.standardize_dtype(variable.dtype) == "bfloat16":
        value = keras.ops.cast(value, "float32")
    return keras.ops.convert_to_numpy(value)
