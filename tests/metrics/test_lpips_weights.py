"""Files and download of the weights of LPIPS, and error messages without them."""

import hashlib
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from umbed_keras.metrics import LPIPS, LPIPSNetwork
from umbed_keras.metrics._lpips_weights import (
    CHANNELS,
    KERNELS,
    SOURCES,
    TORCH_LAYERS,
    load_weights,
)

pytestmark = pytest.mark.torch_alone

IMAGES = np.zeros((1, 32, 32, 3), "float32")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Sets Keras's home to an empty folder and cuts off the network."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("UMBED_LPIPS", raising=False)
    monkeypatch.setattr(keras.utils, "get_file", offline)
    return tmp_path / "home"


def offline(origin, **kwargs):
    raise Exception(f"URL fetch failure on {origin}")


def assert_equal(arrays, path):
    with np.load(path) as file:
        assert set(arrays) == set(file.files)
        for name, array in arrays.items():
            np.testing.assert_array_equal(array, file[name])


def state_dictionaries(torch, net, path):
    """Returns PyTorch's convolutions and heads, with a further entry as in torchvision's files."""
    arrays = {name: torch.from_numpy(array) for name, array in np.load(path).items()}
    convolutions = {"classifier.1.weight": torch.zeros(3)}
    for layer in KERNELS[net]:
        first, *rest = layer.split("/")
        name = ".".join(["features", str(TORCH_LAYERS[net][first]), *rest])
        kernel = arrays[f"{layer}/kernel"].permute(3, 2, 0, 1).contiguous()
        convolutions |= {f"{name}.weight": kernel, f"{name}.bias": arrays[f"{layer}/bias"]}
    heads = {
        f"lin{i}.model.1.weight": arrays[f"lin{i}"].reshape(1, -1, 1, 1)
        for i in range(len(CHANNELS[net]))
    }
    return convolutions, heads


def test_the_argument_has_precedence_over_the_variable(random_lpips, monkeypatch):
    path = random_lpips("alex")
    monkeypatch.setenv("UMBED_LPIPS", "/nowhere")
    assert_equal(load_weights("alex", path), path)


@pytest.mark.parametrize("folder", [True, False])
@pytest.mark.parametrize("net", ["alex", "squeeze"])
def test_variable_names_a_folder_or_a_file(random_lpips, monkeypatch, net, folder):
    path = random_lpips(net)
    monkeypatch.setenv("UMBED_LPIPS", str(path.parent if folder else path))
    assert_equal(load_weights(net), path)


@pytest.mark.parametrize("net", ["alex", "squeeze"])
def test_a_download_is_converted_once_and_kept(random_lpips, monkeypatch, home, net):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    path = random_lpips(net)
    states = state_dictionaries(torch, net, path)
    downloads = []

    def get_file(origin, file_hash, cache_dir, cache_subdir):
        downloads.append((origin, file_hash))
        file = Path(cache_dir, cache_subdir, origin.rsplit("/", 1)[1])
        torch.save(states[len(downloads) - 1], file)
        return str(file)

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    assert_equal(load_weights(net), path)
    assert downloads == list(SOURCES[net])
    stored = home / "umbed_keras" / f"lpips_{net}.npz"
    assert_equal(dict(np.load(stored)), path)
    assert list(stored.parent.iterdir()) == [stored]

    monkeypatch.setitem(sys.modules, "torch", None)
    assert_equal(load_weights(net), path)
    assert len(downloads) == 2


def test_checksums_match_the_names_of_the_files():
    for files in SOURCES.values():
        for url, checksum in files:
            assert len(checksum) == hashlib.sha256().digest_size * 2
            if "pytorch.org" in url:
                assert checksum.startswith(url.removesuffix(".pth").rsplit("-", 1)[1])


def test_a_failed_download_names_the_alternatives():
    pytest.importorskip("torch", reason="PyTorch is not installed")
    with pytest.raises(OSError, match=r"fetch failure.*`weights`.*UMBED_LPIPS.*lpips_squeeze\.npz"):
        load_weights("squeeze")


def test_missing_pytorch_names_the_alternatives(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"pip install torch.*`weights`.*UMBED_LPIPS"):
        load_weights("alex")


def test_a_missing_file_names_its_origin(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"^`weights` names no file.*none\.npz"):
        LPIPSNetwork(weights=tmp_path / "none.npz")(IMAGES, IMAGES)
    monkeypatch.setenv("UMBED_LPIPS", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"variable UMBED_LPIPS names.*lpips_alex\.npz"):
        LPIPS().update_state(IMAGES, IMAGES)


def test_other_files_are_value_errors(random_lpips, tmp_path):
    text, other, short = tmp_path / "text.npz", tmp_path / "other.npz", tmp_path / "short.npz"
    text.write_text("weights")
    np.save(other.with_suffix(".npy"), np.zeros(3))
    alex = random_lpips("alex")
    short.write_bytes(alex.read_bytes()[:1000])
    arrays = dict(np.load(alex))
    np.savez(other, **{**arrays, "lin0": np.zeros(3)})
    for path in (text, short, other, other.with_suffix(".npy"), random_lpips("squeeze")):
        with pytest.raises(ValueError, match=r"does not hold LPIPS's weights for net='alex'.*Pass"):
            load_weights("alex", path)
