"""Broken sources, and images that become readable later."""

import os

import numpy as np
import pytest
import tifffile
import zarr

from umbed_keras.stores import embed_store


def test_the_position_of_a_failed_tile_is_reported(model, image, small_tiles, tmp_path):
    broken = image / np.float32(255)
    broken[70, 140] = np.nan
    np.save(tmp_path / "image.npy", broken)
    target = tmp_path / "codes.zarr"
    with pytest.raises(RuntimeError, match=r"rows 64:128, columns 128:192 \(.*without data"):
        embed_store(model, tmp_path / "image.npy", target, codes=True, verbose=0)
    assert not zarr.open(target).attrs["umbed_keras"]["complete"]
    # Vectors are NaN there.
    stored = embed_store(model, tmp_path / "image.npy", tmp_path / "vectors.zarr", verbose=0)
    np.testing.assert_array_equal(np.isnan(stored[..., 0]), np.isnan(broken[..., 0]))
    expected = model.embed(image[None])[0]
    np.testing.assert_allclose(
        stored[:64, :64], expected[:64, :64], rtol=0, atol=1e-5 * np.ptp(expected)
    )


def test_a_truncated_source(model, image, small_tiles, tmp_path):
    np.save(tmp_path / "image.npy", image)
    os.truncate(tmp_path / "image.npy", 50_000)
    with pytest.raises((ValueError, OSError)):
        embed_store(model, tmp_path / "image.npy", tmp_path / "vectors.zarr", verbose=0)
    assert not (tmp_path / "vectors.zarr").exists()
    tifffile.imwrite(tmp_path / "image.tif", image, rowsperstrip=16, compression="zlib")
    os.truncate(tmp_path / "image.tif", (tmp_path / "image.tif").stat().st_size * 3 // 4)
    with pytest.raises(RuntimeError, match="rows 128:150, columns 0:64"):
        embed_store(model, tmp_path / "image.tif", tmp_path / "vectors.zarr", verbose=0)
    # Tiles whose surroundings are intact are written.
    expected = model.embed(image[None])[0, :64]
    stored = zarr.open(tmp_path / "vectors.zarr")[:64]
    np.testing.assert_allclose(stored, expected, rtol=0, atol=1e-5 * np.ptp(expected))


@pytest.mark.parametrize("late", [False, True], ids=["mended at once", "mended one by one"])
def test_unreadable_images_may_be_added_later(model, image, small_tiles, tmp_path, late):
    folder, target = tmp_path / "images", tmp_path / "vectors.zarr"
    folder.mkdir()
    parts = {f"{name}.npy": image[: 30 * number] for number, name in enumerate("abcd", 1)}
    for name in parts:
        (folder / name).touch()
    np.save(folder / "b.npy", parts["b.npy"])

    def embed(**options):
        return embed_store(model, folder, target, verbose=0, **options)

    message = r"^3 images can't be read: a\.npy .*c\.npy .*d\.npy .*the same call"
    with pytest.raises(RuntimeError, match=message):
        embed()
    first = zarr.open(target)
    assert not first.attrs["umbed_keras"]["complete"]
    moment = next((target / "b.npy" / "c").rglob("0")).stat().st_mtime_ns
    if late:
        np.save(folder / "c.npy", parts["c.npy"])
        with pytest.raises(RuntimeError, match=r"^2 images can't be read: a\.npy .*d\.npy"):
            embed(shard=(0, 2))
    for name, part in parts.items():
        np.save(folder / name, part)
    if late:
        embed(shard=(1, 2))
        assert not zarr.open(target).attrs["umbed_keras"]["complete"]
    stored = embed(shard=(0, 2) if late else None)
    for name, part in parts.items():
        np.testing.assert_array_equal(stored[name][:], model.embed_large(part, verbose=0))
    assert stored.attrs["umbed_keras"]["complete"]
    assert next((target / "b.npy" / "c").rglob("0")).stat().st_mtime_ns == moment
    assert {path.name for path in tmp_path.iterdir()} == {"images", "vectors.zarr"}
    embed()  # the images are recognised
    for name in ("b.npy", "c.npy"):
        np.save(folder / name, parts["a.npy"])
        with pytest.raises(ValueError, match="something else was begun: `source` was"):
            embed()
        np.save(folder / name, parts[name])


def test_unreadable_images_may_be_removed(model, image, small_tiles, tmp_path):
    folder, target = tmp_path / "images", tmp_path / "vectors.zarr"
    folder.mkdir()
    np.save(folder / "a.npy", image)
    (folder / "b.npy").touch()
    with pytest.raises(RuntimeError, match=r"^1 image can't be read: b\.npy \(ValueError"):
        embed_store(model, folder, target, verbose=0)
    (folder / "b.npy").unlink()
    stored = embed_store(model, folder, target, verbose=0)
    assert stored.attrs["umbed_keras"]["complete"]
    assert {path.name for path in tmp_path.iterdir()} == {"images", "vectors.zarr"}


def test_what_would_be_stored_as_missing_data_is_refused(model, image, tmp_path):
    np.save(tmp_path / "image.npy", image)
    broken = type(model).from_config(model.get_config())
    broken.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    with pytest.raises(ValueError, match=r"The weight .* is NaN or infinite"):
        embed_store(broken, tmp_path / "image.npy", tmp_path / "vectors.zarr", verbose=0)
    assert not (tmp_path / "vectors.zarr").exists()


def test_images_without_pixels_are_unreadable(model, image, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    np.save(folder / "empty.npy", image[:0])
    with pytest.raises(ValueError, match=r"has no pixels: its shape is \(0, "):
        embed_store(model, folder / "empty.npy", tmp_path / "vectors.zarr", verbose=0)
    np.save(folder / "whole.npy", image)
    with pytest.raises(RuntimeError, match=r"(?s)empty\.npy.*has no pixels"):
        embed_store(model, folder, tmp_path / "vectors.zarr", verbose=0)


def test_a_scaling_of_another_type_is_refused(model, image, tmp_path):
    np.save(tmp_path / "image.npy", image)
    with pytest.raises(TypeError, match=r"`scaling` must be a `umbed_keras\.Scaling`.*\(0, 1\)"):
        embed_store(
            model, tmp_path / "image.npy", tmp_path / "vectors.zarr", verbose=0, scaling=(0, 1)
        )
