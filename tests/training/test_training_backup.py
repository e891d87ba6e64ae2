import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

import umbed_keras as uk

# A training run in a process of its own, on one thread: started, killed, started again.
SCRIPT = """
import sys
import keras
import numpy as np
if keras.backend.backend() == "torch":
    import torch
    torch.set_num_threads(1)
import umbed_keras as uk

folder, kind = sys.argv[1:]
images = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3), dtype="uint8")
if kind == "dataset":
    class Images(keras.utils.PyDataset):
        def __len__(self):
            return 4
        def __getitem__(self, index):
            return images[3 * index : 3 * index + 3]
    data = Images()
else:
    data = images
keras.utils.set_random_seed(7)
model = uk.PixelEmbedder(
    latent_dim=4, patch_size=4, pyramid_levels=2, widths=(8, 8), hidden_units=(8,),
    bottleneck=uk.layers.GaussianBottleneck(4, seed=3), pixels_per_image=16,
)
model.compile(optimizer=keras.optimizers.Adam(1e-2))
print("ready", flush=True)
model.fit(data, batch_size=3, epochs=20, verbose=0, callbacks=[uk.TrainingBackup(folder)])
np.savez(folder + "/end.npz", *[keras.ops.convert_to_numpy(v) for v in model.variables])
"""


def start(folder, kind):
    script = folder.parent / "train.py"
    script.write_text(SCRIPT)
    environment = {
        **os.environ,
        "KERAS_BACKEND": keras.backend.backend(),
        "OMP_NUM_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": "1",
        "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
        "PYTHONPATH": str(Path(uk.__file__).parents[1]),
    }
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, str(script), str(folder), kind],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def end_of(folder):
    with np.load(folder / "end.npz") as arrays:
        return [arrays[name] for name in arrays.files]


@pytest.mark.parametrize("kind", ["array", "dataset"])
def test_killed_at_random_moments_it_ends_at_the_same_weights(tmp_path, kind):
    began = time.monotonic()
    whole = start(tmp_path / "whole", kind)
    assert whole.stdout.readline() == "ready\n"
    ready = time.monotonic()
    assert whole.wait() == 0
    training_seconds = time.monotonic() - ready

    random = np.random.default_rng(int(began * 1000) % 2**32)
    broken = tmp_path / "broken"
    for _ in range(5 if kind == "array" else 1):
        process = start(broken, kind)
        assert process.stdout.readline() == "ready\n"
        time.sleep(random.uniform(0.1, 0.5) * training_seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert start(broken, kind).wait() == 0
    for once, again in zip(end_of(tmp_path / "whole"), end_of(broken), strict=True):
        np.testing.assert_array_equal(again, once)


def small_model(latent_dim=4):
    model = uk.PixelEmbedder(
        latent_dim=latent_dim, patch_size=4, pyramid_levels=1, widths=(4, 4), hidden_units=(4,)
    )
    model.compile(optimizer="adam")
    return model


def test_the_state_of_another_model_is_refused(tmp_path):
    images = np.zeros((2, 8, 8, 3), "uint8")
    backup = uk.TrainingBackup(tmp_path)
    small_model().fit(images, verbose=0, callbacks=[backup])
    with pytest.raises(ValueError, match="another model"):
        small_model(5).fit(images, verbose=0, callbacks=[uk.TrainingBackup(tmp_path)])


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


def test_a_later_fit_begins_at_its_beginning(tmp_path):
    images = np.zeros((2, 8, 8, 3), "uint8")
    small_model().fit(images, epochs=2, verbose=0, callbacks=[uk.TrainingBackup(tmp_path)])
    model = small_model()
    resumed = model.fit(images, epochs=3, verbose=0, callbacks=[uk.TrainingBackup(tmp_path)])
    assert resumed.epoch == [2]
    assert model.fit(images, epochs=2, verbose=0).epoch == [0, 1]
