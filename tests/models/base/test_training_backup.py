import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import umbed_keras as uk

# Trains to the end, and again in processes of which some are killed. All are forked from one, as
# importing takes longer than training. Each tells the end of its epochs through a pipe.
SCRIPT = """
import os, random, signal, sys, time
import keras
import numpy as np
import umbed_keras as uk

kind, folder, kills = sys.argv[1], sys.argv[2], int(sys.argv[3])
images = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3), dtype="uint8")


class Images(keras.utils.PyDataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return images[3 * index : 3 * index + 3]


def train(folder, told):
    keras.utils.set_random_seed(7)
    model = uk.PixelEmbedder(
        latent_dim=4, patch_size=4, pyramid_levels=2, widths=(8, 8), hidden_units=(8,),
        bottleneck=uk.layers.GaussianBottleneck(4, seed=3), pixels_per_image=16,
    )
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=keras.backend.backend() == "jax")
    tell = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: os.write(told, b"."))
    data = Images() if kind == "dataset" else images
    callbacks = [uk.TrainingBackup(folder), tell]
    model.fit(data, batch_size=3, epochs=20, verbose=0, callbacks=callbacks)
    np.savez(folder + "/end.npz", *map(keras.ops.convert_to_numpy, model.variables))


def start(folder):
    ear, told = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            train(folder, told)
            status = 0
        finally:
            os._exit(status)
    os.close(told)
    return child, ear


def end(child):
    status = os.waitpid(child, 0)[1]
    assert status == 0, status


# The last epoch tells how long one takes, without compiling.
child, ear = start(folder + "/whole")
times = []
while os.read(ear, 1):
    times.append(time.monotonic())
end(child)
seconds = float(np.median(np.diff(times)))
for _ in range(kills):
    child, ear = start(folder + "/broken")
    for _ in range(random.randint(1, 3)):
        assert os.read(ear, 1)
    time.sleep(random.uniform(0, seconds))
    os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    assert status == signal.SIGKILL, status
end(start(folder + "/broken")[0])
"""


def end_of(folder):
    with np.load(folder / "end.npz") as arrays:
        return [arrays[name] for name in arrays.files]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize(
    ("kind", "kills"), [pytest.param("array", 5, marks=pytest.mark.torch_alone), ("dataset", 1)]
)
def test_killed_at_random_moments_it_ends_at_the_same_weights(tmp_path, kind, kills):
    environment = {
        **os.environ,
        "KERAS_BACKEND": keras.backend.backend(),
        "OMP_NUM_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": "1",
        "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        "PYTHONPATH": str(Path(uk.__file__).parents[1]),
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, kind, tmp_path, str(kills)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for once, again in zip(end_of(tmp_path / "whole"), end_of(tmp_path / "broken"), strict=True):
        np.testing.assert_array_equal(again, once)


def small_model(latent_dim=4):
    model = uk.PixelEmbedder(
        latent_dim=latent_dim, patch_size=4, pyramid_levels=1, widths=(4, 4), hidden_units=(4,)
    )
    model.compile(optimizer="adam")
    return model


@pytest.mark.torch_alone
def test_the_state_of_another_model_is_refused(tmp_path):
    images = np.zeros((2, 8, 8, 3), "uint8")
    backup = uk.TrainingBackup(tmp_path)
    small_model().fit(images, verbose=0, callbacks=[backup])
    with pytest.raises(ValueError, match="another model"):
        small_model(5).fit(images, verbose=0, callbacks=[uk.TrainingBackup(tmp_path)])


@pytest.mark.torch_alone
def test_a_break_while_writing_leaves_the_last_state(tmp_path, monkeypatch):
    images = np.zeros((2, 8, 8, 3), "uint8")
    small_model().fit(images, verbose=0, callbacks=[uk.TrainingBackup(tmp_path)])
    before = (tmp_path / "training_state.npz").read_bytes()

    def full_disk(*args, **kwargs):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="no space"):
        small_model().fit(images, epochs=2, verbose=0, callbacks=[uk.TrainingBackup(tmp_path)])
    assert (tmp_path / "training_state.npz").read_bytes() == before


@pytest.mark.torch_alone
def test_a_later_fit_begins_at_its_beginning(tmp_path):
    images = np.zeros((2, 8, 8, 3), "uint8")
    small_model().fit(images, epochs=2, verbose=0, callbacks=[uk.TrainingBackup(tmp_path)])
    model = small_model()
    resumed = model.fit(images, epochs=3, verbose=0, callbacks=[uk.TrainingBackup(tmp_path)])
    assert resumed.epoch == [2]
    assert model.fit(images, epochs=2, verbose=0).epoch == [0, 1]
