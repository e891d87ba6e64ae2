"""Keras on OpenVINO, for inference, and exported files in OpenVINO."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import umbed_keras as uk

pytestmark = pytest.mark.torch_alone
SCRIPT = """
import sys, numpy as np, keras, umbed_keras as uk
assert keras.backend.backend() == "openvino"
for name in sys.argv[2:]:
    images = np.load(sys.argv[1])
    np.save(name + ".npy", uk.PixelEmbedder.from_preset(name).embed(images))
"""


def test_presets_give_their_vectors(tmp_path):
    pytest.importorskip("openvino")
    images = np.random.default_rng(0).integers(256, size=(1, 20, 26, 3), dtype="uint8")
    np.save(tmp_path / "images.npy", images)
    names = ["free_lite0_vae_d32", "celeba_dl_k16_s4"]
    subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "images.npy"), *names],
        env={
            **os.environ,
            "KERAS_BACKEND": "openvino",
            "PYTHONPATH": os.pathsep.join([str(Path(uk.__file__).parents[1]), *sys.path]),
        },
        cwd=tmp_path,
        check=True,
    )
    for name in names:
        expected = uk.PixelEmbedder.from_preset(name).embed(images)
        differ = np.abs(np.load(tmp_path / f"{name}.npy") - expected) > 1e-4
        # A code at the border of two may be the other.
        assert differ.mean() <= 1e-3


def test_the_file_of_a_classifier_in_single_precision(tmp_path):
    openvino = pytest.importorskip("openvino")
    for package in ("onnxscript", "sklearn"):
        pytest.importorskip(package)
    image = np.random.default_rng(0).integers(256, size=(40, 50, 3), dtype="uint8")
    image[:, 25:] //= 2
    labels = np.zeros((40, 50), int)
    labels[5:30, 2:8], labels[5:30, 40:46] = 1, 2
    embedder = uk.PixelEmbedder(4, patch_size=4, pyramid_levels=1, widths=(4,), hidden_units=(4,))
    embedder.adapt(image[None])
    classifier = uk.segmentation.PixelClassifier(embedder).fit(image, labels)
    classifier.export_onnx(tmp_path / "classifier.onnx")
    # Without the hint OpenVINO computes in bfloat16 where the processor can.
    hint = {"INFERENCE_PRECISION_HINT": "f32"}
    model = openvino.Core().compile_model(tmp_path / "classifier.onnx", "CPU", hint)
    (probabilities,) = model({"images": image[None]}).values()
    expected = classifier.predict_proba(image)
    np.testing.assert_allclose(probabilities[0], expected, atol=1e-4)
