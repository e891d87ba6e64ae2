import os
import subprocess
import sys

import keras
import numpy as np
import PIL.Image
import pytest
import zarr
from ome_zarr_models.v05.image import Image as OMEImage

import umbed_keras as uk
from umbed_keras.stores import embed_store


@pytest.fixture
def source(tmp_path, image):
    np.save(tmp_path / "image.npy", image)
    return tmp_path / "image.npy"


@pytest.mark.every_backend
def test_stored_vectors_are_those_of_embed(model, image, source, small_tiles, tmp_path):
    stored = embed_store(model, source, tmp_path / "vectors.zarr", verbose=0)
    expected = model.embed(image[None])[0]
    assert (stored.shape, stored.dtype) == (expected.shape, np.float32)
    np.testing.assert_allclose(stored[:], expected, rtol=0, atol=1e-5 * np.ptp(expected))
    # Bit for bit the result of a single process.
    np.testing.assert_array_equal(stored[:], model.embed_large(image, verbose=0))


def test_the_attribute_describes_the_store(model, source, small_tiles, tmp_path):
    stored = embed_store(model, source, tmp_path / "vectors.zarr", verbose=0)
    assert stored.metadata.zarr_format == 3
    assert stored.metadata.dimension_names == ("y", "x", "c")
    about = stored.attrs["umbed_keras"]
    assert about["complete"]
    assert about["content"] == "vectors"
    assert about["model"]["preset"] is None
    assert about["source"]["path"] == str(source)
    assert (about["scale"], about["unit"]) == ([1.0, 1.0], None)
    # No temporary files are left, beside the store or in it.
    assert {path.name for path in tmp_path.iterdir()} == {source.name, "vectors.zarr"}
    assert {path.name for path in (tmp_path / "vectors.zarr").iterdir()} == {"c", "zarr.json"}


def test_a_tile_is_a_shard(model, source, monkeypatch, tmp_path):
    monkeypatch.setattr(uk.PixelEmbedder, "largest_tile", lambda self, budget: 128)
    monkeypatch.setattr("umbed_keras.stores.layout.CHUNK", 64)
    stored = embed_store(model, source, tmp_path / "vectors.zarr", verbose=0)
    assert (stored.chunks, stored.shards) == ((64, 64, 4), (128, 128, 4))
    files = {path for path in (tmp_path / "vectors.zarr" / "c").rglob("*") if path.is_file()}
    assert len(files) == 4


def test_a_complete_store_is_not_computed_again(model, source, small_tiles, monkeypatch, tmp_path):
    first = embed_store(model, source, tmp_path / "vectors.zarr", verbose=0)[:]
    monkeypatch.setattr(model, "embed_window", None)
    again = embed_store(model, source, tmp_path / "vectors.zarr", verbose=0)
    np.testing.assert_array_equal(again[:], first)


def test_half_precision(model, source, image, small_tiles, tmp_path):
    stored = embed_store(model, source, tmp_path / "vectors.zarr", dtype="float16", verbose=0)
    assert stored.dtype == np.float16
    np.testing.assert_array_equal(stored[:], model.embed_large(image, verbose=0).astype("float16"))


@pytest.mark.parametrize(
    ("bottleneck", "dtypes"),
    [
        (uk.layers.VectorQuantizer(8, 4), {"indices": "uint8"}),
        (uk.layers.VectorQuantizer(300, 4), {"indices": "uint16"}),
        (uk.layers.ResidualVectorQuantizer(8, 4, 2), {"indices": "uint8"}),
        (
            uk.layers.DictionaryBottleneck(8, 4, 2, coefficient_bits=8),
            {"indices": "uint8", "coefficients": "int8"},
        ),
        (
            uk.layers.DictionaryBottleneck(8, 4, 2, coefficient_bits=9, quantization="mu_law"),
            {"indices": "uint8", "coefficients": "int16"},
        ),
        (
            uk.layers.DictionaryBottleneck(8, 4, 2),
            {"indices": "uint8", "coefficients": "float32"},
        ),
        (
            uk.layers.GaussianBottleneck(4),
            {"mean": "float32", "log_variance": "float32"},
        ),
    ],
    ids=lambda value: value.name if hasattr(value, "name") else "",
)
def test_stored_codes_are_those_of_encode(bottleneck, dtypes, source, image, tmp_path):
    model = uk.PixelEmbedder(
        latent_dim=4, patch_size=4, pyramid_levels=1, bottleneck=bottleneck, widths=(4, 4)
    )
    stored = embed_store(model, source, tmp_path / "codes.zarr", codes=True, verbose=0)
    assert {name: array.dtype.name for name, array in stored.arrays()} == dtypes
    packed = {name: array[:] for name, array in stored.arrays()}
    expected = {name: part[0] for name, part in model.encode(image[None]).items()}
    codes = model.bottleneck.unpack(packed)
    assert codes.keys() == expected.keys()
    for name, part in expected.items():
        assert codes[name].dtype == part.dtype
        np.testing.assert_array_equal(codes[name], part)


def test_a_folder_of_images(model, image, small_tiles, tmp_path):
    (tmp_path / "images" / "sub").mkdir(parents=True)
    np.save(tmp_path / "images" / "b.npy", image)
    PIL.Image.fromarray(image[:20, :33]).save(tmp_path / "images" / "sub" / "a.png")
    stored = embed_store(model, tmp_path / "images", tmp_path / "vectors.zarr", verbose=0)
    assert stored.attrs["umbed_keras"]["complete"]
    for name, part in (("b.npy", image), ("sub/a.png", image[:20, :33])):
        np.testing.assert_array_equal(stored[name][:], model.embed_large(part, verbose=0))


def ome_source(path, image):
    transformation = {"type": "scale", "scale": [1, 0.5, 0.25]}
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    multiscale = {
        "axes": [{"name": "c", "type": "channel"}, *axes],
        "datasets": [{"path": "0", "coordinateTransformations": [transformation]}],
    }
    colours = [{"color": color} for color in ("FF0000", "00FF00", "0000FF")]
    ome = {"version": "0.5", "multiscales": [multiscale], "omero": {"channels": colours}}
    group = zarr.create_group(path, attributes={"ome": ome})
    group.create_array("0", data=image.transpose(2, 0, 1).copy(), chunks=(3, 64, 64))


def test_from_ome_zarr_to_ome_zarr(model, image, small_tiles, monkeypatch, tmp_path):
    monkeypatch.setattr("umbed_keras.stores.image_stores.CHUNK", 64)
    ome_source(tmp_path / "image.zarr", image)
    stored = embed_store(model, tmp_path / "image.zarr", tmp_path / "vectors.zarr", verbose=0)
    valid = OMEImage.from_zarr(stored)
    (multiscale,) = valid.attributes.ome.multiscales
    assert [axis.name for axis in multiscale.axes] == ["c", "y", "x"]
    assert [axis.unit for axis in multiscale.axes[1:]] == ["micrometer"] * 2
    scales = [level.coordinateTransformations[0].scale for level in multiscale.datasets]
    assert scales == [[1, 0.5, 0.25], [1, 1, 0.5], [1, 2, 1]]
    shifts = [level.coordinateTransformations[1].translation for level in multiscale.datasets]
    assert shifts == [[0, 0, 0], [0, 0.25, 0.125], [0, 0.75, 0.375]]
    expected = model.embed_large(image, verbose=0)
    np.testing.assert_array_equal(stored["0"][:], expected.transpose(2, 0, 1))
    for level in ("1", "2"):
        # Repeating the last row and column leaves the mean of those that exist.
        height, width, _ = expected.shape
        padded = np.pad(expected, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        squares = padded.reshape(len(padded) // 2, 2, padded.shape[1] // 2, 2, -1)
        expected = squares.astype("float64").mean(axis=(1, 3))
        atol = 4 * np.finfo("float32").eps * np.abs(expected).max()
        np.testing.assert_allclose(
            np.moveaxis(stored[level][:], 0, -1), expected, rtol=0, atol=atol
        )


def test_codes_of_ome_zarr_are_images_of_one_level(image, small_tiles, tmp_path):
    ome_source(tmp_path / "image.zarr", image)
    model = uk.PixelEmbedder(
        latent_dim=4, bottleneck=uk.layers.ResidualVectorQuantizer(8, 4, 2), widths=(4, 4)
    )
    stored = embed_store(model, tmp_path / "image.zarr", tmp_path / "c.zarr", codes=True, verbose=0)
    assert len(OMEImage.from_zarr(stored["indices"]).attributes.ome.multiscales[0].datasets) == 1
    expected = model.encode(image[None])["indices"][0]
    same = np.moveaxis(stored["indices/0"][:], 0, -1) == expected
    assert same.mean() >= 0.9999


def test_shards_together_fill_the_store(model, source, small_tiles, tmp_path):
    whole = embed_store(model, source, tmp_path / "whole.zarr", verbose=0)
    for part in (2, 0, 1):
        stored = embed_store(model, source, tmp_path / "parts.zarr", shard=(part, 3), verbose=0)
        assert stored.attrs["umbed_keras"]["complete"] == (part == 1)
    np.testing.assert_array_equal(stored[:], whole[:])


@pytest.mark.parametrize("done", [True, False], ids=["complete", "begun"])
def test_a_target_of_something_else_is_left_alone(
    model, source, image, small_tiles, tmp_path, done
):
    target = tmp_path / "vectors.zarr"
    embed_store(model, source, target, shard=None if done else (0, 2), verbose=0)
    before = {path: path.stat().st_mtime_ns for path in target.rglob("*")}
    other = uk.PixelEmbedder(latent_dim=4, widths=(4, 4))
    np.save(tmp_path / "other.npy", image[::-1])
    for arguments, message in (
        ({"model": other}, "`model` was"),
        ({"source": tmp_path / "other.npy"}, "`source` was .*image.npy.* is .*other.npy"),
        ({"dtype": "float16"}, "`dtype` was 'float32', is 'float16'"),
        ({"codes": True}, "`content` was 'vectors', is 'codes'"),
    ):
        with pytest.raises(ValueError, match=message):
            embed_store(**{"model": model, "source": source, "target": target, **arguments})
    assert {path: path.stat().st_mtime_ns for path in target.rglob("*")} == before
    # Equal weights in another object are the same model, a moved file is the same source.
    twin = uk.PixelEmbedder.from_config(model.get_config())
    twin.set_weights(model.get_weights())
    source.rename(tmp_path / "moved.npy")
    assert embed_store(twin, tmp_path / "moved.npy", target, verbose=0).attrs["umbed_keras"][
        "complete"
    ]


def test_a_target_lies_outside_its_source(model, image, small_tiles, tmp_path):
    folder, stored = tmp_path / "images", tmp_path / "image.zarr"
    folder.mkdir()
    np.save(folder / "a.npy", image)
    zarr.create_array(stored, data=image)
    for source in (folder, stored):
        with pytest.raises(ValueError, match=r"`target`, .* must not lie in `source`"):
            embed_store(model, source, source / "sub" / "vectors.zarr", verbose=0)
        assert not (source / "sub").exists()


def test_other_files_in_a_folder(model, image, small_tiles, tmp_path):
    folder, target = tmp_path / "images", tmp_path / "vectors.zarr"
    folder.mkdir()
    np.save(folder / "a.npy", image)
    embed_store(model, folder, target, verbose=0)
    (folder / "notes.txt").write_text("no image")
    (folder / "b.fits").write_bytes(b"SIMPLE")
    with pytest.warns(UserWarning, match=r"are left out: b\.fits\.$"):
        embed_store(model, folder, target, verbose=0)


def test_targets_that_are_no_stores_are_left_alone(model, source, tmp_path):
    zarr.create_array(tmp_path / "mine.zarr", data=np.ones(3))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine.txt").write_text("mine")
    for target in ("mine.zarr", "folder", "image.npy"):
        with pytest.raises(ValueError, match="holds something else"):
            embed_store(model, source, tmp_path / target, verbose=0)
    np.testing.assert_array_equal(zarr.open(tmp_path / "mine.zarr")[:], 1)
    assert {path.name for path in tmp_path.iterdir()} == {"mine.zarr", "folder", "image.npy"}
    assert (tmp_path / "folder" / "mine.txt").read_text() == "mine"


def test_a_store_is_not_continued_with_smaller_tiles(model, source, monkeypatch, tmp_path):
    target = tmp_path / "vectors.zarr"
    for budget, tile_size in ((2, 64), (3, 128), (1, 32)):
        monkeypatch.setattr(uk.PixelEmbedder, "largest_tile", lambda *_, size=tile_size: size)
        if budget == 1:
            with pytest.raises(ValueError, match="in tiles of 64 pixels"):
                embed_store(model, source, target, shard=(1, 3), verbose=0)
        else:
            embed_store(model, source, target, shard=(0, budget), verbose=0)
    assert zarr.open(target).chunks == (64, 64, 4)


PEAK = """
import sys
from pathlib import Path
import numpy as np
import umbed_keras as uk
from umbed_keras.stores import embed_store
model = uk.PixelEmbedder()
image = np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), dtype="uint8")
np.save("image.npy", image)
np.save("small.npy", image[:64, :64])
embed_store(model, "small.npy", "small.zarr", verbose=0)  # loads libraries and compiles
Path("/proc/self/clear_refs").write_text("5")
status = lambda name: int(Path("/proc/self/status").read_text().split(name)[1].split()[0])
before = status("VmRSS:")
embed_store(model, "image.npy", "vectors.zarr", memory_budget=int(sys.argv[1]), verbose=0)
print(1024 * (status("VmHWM:") - before))
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="needs Linux")
def test_the_budget_is_kept(tmp_path):
    budget = 384 << 20
    command = [sys.executable, "-c", PEAK, str(budget)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert budget / 10 <= int(done.stdout.split()[-1]) <= budget


def test_from_the_shell(source, image, tmp_path):
    command = [sys.executable, "-m", "umbed_keras", "embed", source, tmp_path / "codes.zarr"]
    command += ["--preset", "celeba_vq_k16", "--codes", "--shard", "0/1"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "1/1" in done.stdout
    stored = zarr.open(tmp_path / "codes.zarr")
    assert stored.attrs["umbed_keras"]["model"]["preset"] == "celeba_vq_k16"
    expected = uk.PixelEmbedder.from_preset("celeba_vq_k16").encode(image[None])["indices"][0]
    assert np.mean(stored["indices"][:] == expected) >= 0.9999


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"dtype": "float64"}, ValueError, "`dtype` must be one of"),
        ({"workers": 0}, ValueError, "`workers` must be an integer >= 1"),
        ({"shard": (2, 2)}, ValueError, "`shard` must be"),
        ({"shard": (0.5, 2)}, ValueError, "`shard` must be"),
        ({"shard": 3}, ValueError, "`shard` must be .* Received: 3"),
        ({"shard": "12"}, ValueError, "`shard` must be"),
        ({"memory_budget": 1000}, ValueError, "`memory_budget`, 1,000 bytes"),
        ({"source": "nothing.npy"}, FileNotFoundError, "nothing.npy"),
        ({"model": "no_such_preset"}, ValueError, "No preset"),
    ],
)
def test_errors_say_what_is_allowed(model, source, tmp_path, arguments, error, message):
    given = {"model": model, "source": source, "target": tmp_path / "v.zarr", "verbose": 0}
    with pytest.raises(error, match=message):
        embed_store(**{**given, **arguments})
    assert not (tmp_path / "v.zarr").exists()


def test_a_missing_package_is_named(model, source, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(ImportError, match=r'pip install "umbed_keras\[stores\]"'):
        embed_store(model, source, tmp_path / "v.zarr")


@pytest.mark.parametrize("chosen", [None, "{}", "{}.input"])
def test_a_network_that_is_made_again_continues_a_store(chosen, source, tmp_path):
    def embedder(largest):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((None, None, 3))  # Keras gives other names each time
        maps = keras.layers.Conv2D(4, 4, 4)(inputs)
        maps = keras.layers.ReLU(max_value=largest)(maps)
        network = keras.Model(inputs, maps)
        names = chosen and [chosen.format(network.layers[-1].name)]
        backbone = uk.layers.ModelBackbone(network, layers=names, reach=0)
        sizes = {"patch_size": 4, "pyramid_levels": 1, "widths": (4,), "hidden_units": (4,)}
        return uk.PixelEmbedder(4, backbone=backbone, **sizes)

    stored = embed_store(embedder(1), source, tmp_path / "vectors.zarr", verbose=0)
    again = embed_store(embedder(1), source, tmp_path / "vectors.zarr", verbose=0)
    np.testing.assert_array_equal(stored[:], again[:])
    with pytest.raises(ValueError, match="something else was begun"):
        embed_store(embedder(2), source, tmp_path / "vectors.zarr", verbose=0)
