"""Files of `export_onnx` give the same results in ONNX Runtime as the model in Keras."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import umbed_keras as uk
from umbed_keras.models.base.onnx_check import check_onnx
from umbed_keras.models.base.onnx_export import metadata

onnxruntime = pytest.importorskip("onnxruntime")
BACKEND = keras.backend.backend()
ROOT = Path(__file__).parents[3]
# One of each part that presets are made of, dictionaries' encoding below;
# examples/benchmarks/onnx_embed.py takes all.
CASES = [
    ("natural_lite0_vae_d32", "embed"),
    pytest.param("natural_gray_vae_d16", "decode", marks=pytest.mark.torch_alone),
    ("celeba_rvqvae_k512_s3", "encode"),
    pytest.param("celeba_dlvae_k512_s3", "decode", marks=pytest.mark.torch_alone),
]
# Other backends compile each size anew, and PyTorch's run has tried the file with more sizes.
SHAPES = [(1, 1, 1), (3, 5, 7), (1, 33, 70)] if BACKEND == "torch" else [(2, 21, 38)]


@pytest.fixture(scope="module")
def exported():
    """`exported(preset, what)`: the model and the path of its file.

    PyTorch's run leaves the files for other backends', as long as the sources are the same.
    """
    digest = hashlib.sha256()
    for source in sorted((ROOT / "umbed_keras").rglob("*.py")):
        digest.update(source.read_bytes())
    folder = ROOT / ".pytest_cache" / "onnx" / digest.hexdigest()[:16]

    def find(preset, what):
        model = getattr(uk, uk.list_presets(preset)[0]["class"]).from_preset(preset)
        path = folder / f"{preset}.{what}.onnx"
        if not path.exists():
            if BACKEND != "torch":
                pytest.skip("needs what the same tests on PyTorch have left")
            if not folder.exists():
                shutil.rmtree(folder.parent, ignore_errors=True)
                folder.mkdir(parents=True)
            model.export_onnx(path, what)
        return model, path

    return find


def photographs(batch, height, width, channels):
    """Parts of the portrait, float32."""
    portrait = np.asarray(Image.open(ROOT / "examples/astronaut.jpg"))[..., :channels]
    parts = [portrait[60 + 9 * n :][:height, 180 + 9 * n :][:, :width] for n in range(batch)]
    return np.stack(parts).astype("float32") / 255


def outputs(path, inputs):
    """Returns the outputs of a file by name."""
    session = onnxruntime.InferenceSession(path)
    wanted = [item.name for item in session.get_inputs()]
    names = [item.name for item in session.get_outputs()]
    results = session.run(names, {name: inputs[name] for name in wanted})
    return dict(zip(names, results, strict=True))


@pytest.mark.parametrize(("preset", "what"), CASES)
def test_presets_give_the_same(preset, what, exported, rounding):
    model, path = exported(preset, what)
    for shape in SHAPES:
        images = photographs(*shape, model.channels)
        inputs = model.encode(images) if what == "decode" else {"images": images}
        expected = getattr(model, what)(inputs if what == "decode" else images)
        if not isinstance(expected, dict):
            expected = {"vectors" if what == "embed" else "rebuilt": expected}
        results = outputs(path, inputs)
        assert results.keys() == expected.keys()
        for name, values in expected.items():
            assert results[name].dtype == values.dtype
            assert results[name].shape == values.shape
            differ = np.abs(results[name] - values) > rounding(model, values)
            # A code at the border of two may be the other.
            assert np.mean(differ) <= (1e-4 if what == "encode" else 0), name


@pytest.mark.torch_alone
def test_metadata_and_shapes_of_the_file(exported):
    _, path = exported("natural_lite0_vae_d32", "embed")
    session = onnxruntime.InferenceSession(path)
    known = session.get_modelmeta().custom_metadata_map
    assert known["preset"] == "natural_lite0_vae_d32"
    assert known["license"] == uk.list_presets("natural_lite0_vae_d32")[0]["license"]
    assert "from 0 to 1" in known["preprocessing"]
    assert (known["class"], known["what"]) == ("PixelEmbedder", "embed")
    assert [item.shape for item in session.get_inputs()] == [["batch", "height", "width", 3]]
    assert [item.shape for item in session.get_outputs()] == [["batch", "height", "width", 32]]


@pytest.mark.torch_alone
def test_the_example_needs_no_keras_and_its_tiles_give_the_whole(exported, rounding, tmp_path):
    model, path = exported("natural_lite0_vae_d32", "embed")
    image = (photographs(1, 150, 210, 3)[0] * 255).round().astype("uint8")
    Image.fromarray(image).save(tmp_path / "image.png")
    script = (
        "import runpy, sys, numpy; "
        f"example = runpy.run_path({str(ROOT / 'examples/onnx_embed.py')!r}); "
        "session = example['onnxruntime'].InferenceSession(sys.argv[1]); "
        "image = numpy.asarray(example['Image'].open(sys.argv[2])); "
        "numpy.savez(sys.argv[3], **example['embed'](session, image, tile_size=50)); "
        "assert not {'keras', 'umbed_keras', 'torch', 'tensorflow', 'jax'} & set(sys.modules)"
    )
    files = [path, tmp_path / "image.png", tmp_path / "vectors.npz"]
    subprocess.run([sys.executable, "-c", script, *files], check=True)
    vectors = np.load(files[2])["vectors"]
    expected = model.embed(image[None])[0]
    np.testing.assert_allclose(vectors, expected, atol=rounding(model, expected))


def small_model(**options):
    bottleneck = uk.layers.DictionaryBottleneck(8, 4, 2, dtype="float32")
    sizes = {"patch_size": 4, "pyramid_levels": 1, "widths": (4,), "hidden_units": (4,)}
    return uk.PixelEmbedder(4, bottleneck=bottleneck, **sizes, **options)


def backbone():
    """A backbone that is no class of this package: a network of Keras's layers."""
    layer = keras.layers.Conv2D(4, 3, strides=2, padding="same")
    return uk.layers.ModelBackbone(keras.Sequential([keras.Input((None, None, 3)), layer]))


def test_own_models_are_exported_whatever_their_policy_and_backend(rounding, tmp_path):
    for package in ("torch", "onnxscript"):
        pytest.importorskip(package)
    model = small_model(dtype="mixed_bfloat16", backbone=backbone())
    images = photographs(2, 9, 6, 3)
    model.adapt(images)
    path = tmp_path / "model.onnx"
    model.export_onnx(path, "embed")
    single = small_model(dtype="float32", backbone=backbone())
    single.set_weights(model.get_weights())
    expected = single.embed(images)
    bound = rounding(model, expected)
    np.testing.assert_allclose(outputs(path, {"images": images})["vectors"], expected, atol=bound)
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]
    known = onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map
    assert "preset" not in known


@pytest.mark.torch_alone
def test_a_file_that_onnx_runtime_does_not_load_never_takes_its_place(tmp_path):
    for package in ("torch", "onnxscript"):
        pytest.importorskip(package)
    layer = keras.layers.Conv2D(4, 3, strides=2, padding="same", dtype="mixed_bfloat16")
    network = keras.Sequential([keras.Input((None, None, 3)), layer])
    sizes = {"patch_size": 4, "pyramid_levels": 1, "widths": (4,), "hidden_units": (4,)}
    model = uk.PixelEmbedder(4, backbone=uk.layers.ModelBackbone(network), **sizes)
    path = tmp_path / "model.onnx"
    path.write_text("the old file")
    reason = r"PixelEmbedder can't be exported.*(dtype='float32'|onnx>=1\.18)"
    with pytest.raises(RuntimeError, match=reason):
        model.export_onnx(path, "embed")
    assert path.read_text() == "the old file"
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]


@pytest.mark.torch_alone
def test_a_file_that_computes_other_numbers_is_refused(tmp_path):
    for package in ("torch", "onnxscript"):
        pytest.importorskip(package)
    model = small_model()
    model.adapt(photographs(1, 16, 16, 3))
    path = tmp_path / "model.onnx"
    for what in ("encode", "reconstruct"):
        model.export_onnx(path, what)
    model.decoder.linear.kernel.assign(1.5 * model.decoder.linear.kernel)
    with pytest.raises(RuntimeError, match=r"% of the numbers of 'rebuilt'.*differ"):
        check_onnx(path, model, "reconstruct")


@pytest.mark.torch_alone
def test_a_model_that_was_trained_further_is_not_the_preset():
    model = uk.PixelEmbedder.from_preset("celeba_vae_d16")
    assert metadata(model, "embed")["preset"] == "celeba_vae_d16"
    model.compile("adam")
    model.fit(photographs(1, 8, 8, 3), pixels_per_image=1, verbose=0)
    known = metadata(model, "embed")
    assert "preset" not in known
    assert "CelebA" in known["license"]


def test_unknown_graphs_and_folders_are_refused(tmp_path):
    model = uk.VQVAE(8, latent_dim=4, filters=4, residual_units=2, residual_blocks=1)
    with pytest.raises(ValueError, match=r"\['decode', 'encode', 'reconstruct'\].*'embed'"):
        model.export_onnx(tmp_path / "model.onnx", "embed")
    with pytest.raises(ValueError, match=r"`path`.*nowhere"):
        model.export_onnx(tmp_path / "nowhere" / "model.onnx", "encode")


def test_keras_export_works_on_tensorflow_and_elsewhere_names_the_alternative(rounding, tmp_path):
    model = small_model()
    images = photographs(2, 9, 6, 3)
    with pytest.raises(ValueError, match="`export_onnx`"):
        model.export(tmp_path / "model.onnx", format="onnx")
    if BACKEND != "tensorflow":
        with pytest.raises(ValueError, match="KERAS_BACKEND=tensorflow"):
            model.export(tmp_path / "saved")
        return
    import tensorflow as tf

    model.adapt(images)
    model.export(tmp_path / "saved", verbose=False)
    expected = model.embed(images)
    saved = tf.saved_model.load(tmp_path / "saved")
    np.testing.assert_allclose(saved.serve(images), expected, atol=rounding(model, expected))
