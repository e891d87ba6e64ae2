"""Files of `PixelClassifier.export_onnx` give the classes of `predict`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from sklearn.naive_bayes import GaussianNB

import umbed_keras as uk
from umbed_keras.images.image import Details
from umbed_keras.segmentation import GuidedSmoothing, PixelClassifier
from umbed_keras.segmentation.classifier_file import read_labelled, write_labelled

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def portrait():
    """A photograph, uint8 `(180, 190, 3)`."""
    return np.asarray(Image.open(ROOT / "examples/astronaut.jpg"))[20:200, 150:340]


def strokes(height, width, long=False):
    labels = np.zeros((height, width), "uint8")
    labels[4 : (60 if long else 12), 3:6] = 3
    labels[height // 2 : height // 2 + (50 if long else 8), width // 2 - 2 : width // 2 + 2] = 8
    return labels


def model_of(classifier, **options):
    """The Keras model that a file holds."""
    from umbed_keras.segmentation.export.export_classifier import exported_classifier

    arguments = classifier._training[0], classifier._guide.matrix
    return exported_classifier(classifier, *arguments, **options)


@pytest.fixture(scope="module")
def exported(embedder, portrait, tmp_path_factory):
    """A classifier of the portrait and its file."""
    for package in ("torch", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    classifier = PixelClassifier(embedder).fit(portrait, strokes(180, 190, long=True))
    assert classifier.classifier_.forest
    path = tmp_path_factory.mktemp("exported") / "classifier.onnx"
    classifier.export_onnx(path, class_names={3: "sky", 8: "face", 9: "hair"})
    return classifier, path


def test_the_file_gives_the_classes_of_predict(exported, portrait):
    import onnxruntime

    classifier, path = exported
    session = onnxruntime.InferenceSession(path)
    (images,), (output,) = session.get_inputs(), session.get_outputs()
    assert (images.shape, images.type) == (["batch", "height", "width", 3], "tensor(uint8)")
    assert (output.name, output.shape) == ("probabilities", ["batch", "height", "width", 2])
    known = session.get_modelmeta().custom_metadata_map
    assert json.loads(known["classes"]) == [3, 8]
    assert json.loads(known["class_names"]) == ["sky", "face"]
    assert (known["class"], known["what"]) == ("PixelClassifier", "predict_proba")
    # The radius of the filter depends on the size.
    same = []
    for height, width in [(180, 190), (61, 90), (33, 17), (1, 1)]:
        image = portrait[:height, :width]
        (probabilities,) = session.run(None, {"images": image[None]})
        np.testing.assert_allclose(probabilities.sum(axis=-1), 1, atol=1e-5)
        classes = np.array([3, 8])[probabilities[0].argmax(axis=-1)]
        same.append((classes == classifier.predict(image)).ravel())
    assert np.mean(np.concatenate(same)) >= 0.999
    # Several images at once.
    batch = np.stack([portrait[:40, :60], portrait[60:100, 60:120]])
    (probabilities,) = session.run(None, {"images": batch})
    np.testing.assert_allclose(probabilities, classifier.predict_proba(batch), atol=1e-3)


def test_the_example_serves_masks_without_keras_and_scikit_learn(exported, portrait, tmp_path):
    pytest.importorskip("starlette")
    classifier, path = exported
    Image.fromarray(portrait).save(tmp_path / "image.png")
    script = (
        "import runpy, sys; "
        f"example = runpy.run_path({str(ROOT / 'examples/serve_onnx.py')!r}); "
        "mask = example['mask'](open(sys.argv[1], 'rb').read()); "
        "open(sys.argv[2], 'wb').write(mask); "
        "assert not {'keras', 'umbed_keras', 'torch', 'sklearn', 'scipy'} & set(sys.modules)"
    )
    files = [tmp_path / "image.png", tmp_path / "mask.png"]
    environment = {**os.environ, "CLASSIFIER": str(path)}
    subprocess.run([sys.executable, "-c", script, *files], check=True, env=environment)
    same = np.asarray(Image.open(files[1])) == classifier.predict(portrait)
    assert same.mean() >= 0.999


@pytest.mark.parametrize(
    "kind", ["uint8 grey", "float grey", "colours", "3 channels", "chosen channels"]
)
@pytest.mark.parametrize("smoothing", ["guided", 0])
def test_images_of_every_kind(embedder, portrait, kind, smoothing):
    image, labels, options, exported = portrait[:40, :50], strokes(40, 50), {}, {}
    if "grey" in kind:
        image = image[..., 1]
        if kind == "float grey":
            image, exported = image / np.float32(255), {"dtype": "float32"}
        pixels = image[..., None]
    elif kind == "colours":
        pixels = image
    else:
        limits = uk.Scaling([(0, 200), (10, 255), (3, 100)])
        pixels, options["scaling"] = image, limits
        image = uk.Image(image.transpose(2, 0, 1), "cyx")
        if kind == "chosen channels":
            options["channels"] = [2, 0]
            pixels = pixels[..., [2, 0]]
    classifier = PixelClassifier(embedder, smoothing=smoothing, **options).fit(image, labels)
    model = model_of(classifier, **exported)
    assert model.channels == pixels.shape[-1]
    batch = np.stack([pixels[::-1], pixels])
    probabilities = keras.ops.convert_to_numpy(model(batch))[1]
    np.testing.assert_allclose(probabilities, classifier.predict_proba(image), atol=1e-3)


def test_a_classifier_of_grey_images_takes_colours_on_request(embedder, portrait):
    grey, labels = portrait[:40, :50, 1], strokes(40, 50)
    classifier = PixelClassifier(embedder).fit(grey, labels)
    model = model_of(classifier, channels=3)
    probabilities = keras.ops.convert_to_numpy(model(portrait[None, :40, :50]))[0]
    expected = classifier.predict_proba(portrait[:40, :50])
    np.testing.assert_allclose(probabilities, expected, atol=1e-3)
    with pytest.raises(ValueError, match=r"`channels` must be one of \[1, 3\]. Received: 2"):
        classifier.export_onnx("never.onnx", channels=2)


def test_the_model_is_saved_and_loaded_with_all_that_a_file_needs(embedder, portrait, tmp_path):
    """Other backends than PyTorch export in a process of their own."""
    image, smoothing = portrait[:40, :50], GuidedSmoothing(3)
    classifier = PixelClassifier(embedder, smoothing=smoothing).fit(image, strokes(40, 50, True))
    model = model_of(classifier)
    model.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    one, other = (keras.ops.convert_to_numpy(part(image[None])) for part in (model, twin))
    np.testing.assert_array_equal(one, other)
    assert twin.graphs["predict_proba"].notes == model.notes
    assert twin.tiling == model.tiling != {}


def test_what_a_file_cannot_hold_is_refused(embedder, portrait, tmp_path):
    image, labels = portrait[:30, :40], strokes(30, 40)
    path = tmp_path / "classifier.onnx"
    with pytest.raises(ValueError, match="fit"):
        PixelClassifier(embedder).export_onnx(path)
    classifier = PixelClassifier(embedder, GaussianNB()).fit(image, labels)
    with pytest.raises(ValueError, match=r"GaussianNB\(\).*What can be exported is None"):
        classifier.export_onnx(path)
    scaling = uk.Scaling("percentiles")
    classifier = PixelClassifier(embedder, scaling=scaling).fit(image, labels)
    with pytest.raises(ValueError, match=r"`scaling` must have limits.*Received: Scaling"):
        classifier.export_onnx(path)
    classifier.set_params(scaling=None).fit(image, labels)
    for wrong, options in {
        "`dtype` must be one of": {"dtype": "uint16"},
        r"`scaling` must have one pair.*3 channels": {"scaling": uk.Scaling([(0, 1), (0, 2)])},
        r"`class_names` must name all classes. Missing: \[8\]": {"class_names": {3: "sky"}},
        "`path` must lie in a folder": {"path": tmp_path / "nowhere" / "a.onnx"},
    }.items():
        with pytest.raises(ValueError, match=wrong):
            classifier.export_onnx(**{"path": path, **options})
    assert not list(tmp_path.iterdir())


class TestLimits:
    """The numbers that become 0 and 1, and the number of channels; no file is written."""

    @pytest.fixture(scope="class")
    def embedder(self):
        return uk.PixelEmbedder(4, patch_size=4, pyramid_levels=1, widths=(4,), hidden_units=(4,))

    labels = strokes(40, 50)
    grey = np.random.default_rng(0).integers(256, size=(40, 50)).astype("uint8")
    bright = grey.astype("uint16") * 16 + 1000

    def test_images_that_are_stretched_need_limits(self, embedder, tmp_path):
        classifier = PixelClassifier(embedder).fit(self.bright, self.labels)
        classifier.save(tmp_path / "bright.npz")
        for fitted in (classifier, PixelClassifier.load(tmp_path / "bright.npz", embedder)):
            for dtype in ("uint8", "float32"):
                with pytest.raises(
                    ValueError, match=r"`scaling` must have limits.*each image of `fit`"
                ):
                    model_of(fitted, dtype=dtype)
        model = model_of(classifier, dtype="float32", scaling=uk.Scaling((1000, 5080)))
        assert model.limits == [(1000.0, 5080.0)]

    def test_one_stretched_image_is_enough_as_long_as_it_counts(self, embedder):
        classifier = PixelClassifier(embedder).fit(self.grey, self.labels)
        assert model_of(classifier, dtype="float32").limits == [(0.0, 1.0)]
        classifier.partial_fit(self.bright[::-1], self.labels)
        with pytest.raises(ValueError, match="`scaling` must have limits"):
            model_of(classifier)
        classifier.partial_fit(self.bright[::-1], 0 * self.labels)
        assert model_of(classifier).limits == [(0.0, 255.0)]

    @pytest.mark.parametrize("image", [grey, grey / 255, grey > 99], ids=["uint8", "float", "bool"])
    def test_natural_limits_outlive_a_file(self, embedder, tmp_path, image):
        PixelClassifier(embedder).fit(image, self.labels).save(tmp_path / "grey.npz")
        classifier = PixelClassifier.load(tmp_path / "grey.npz", embedder)
        assert model_of(classifier).limits == [(0.0, 255.0)]
        assert model_of(classifier, dtype="float32").limits == [(0.0, 1.0)]

    def test_of_files_of_earlier_builds_the_limits_are_unknown(self, embedder, tmp_path):
        for number, image in enumerate((self.grey, self.bright)):
            path = tmp_path / f"{number}.npz"
            PixelClassifier(embedder).fit(image, self.labels).save(path)
            settings, *content = read_labelled(path)
            del settings["traits"]
            write_labelled(path, settings, *content)
            classifier = PixelClassifier.load(path, embedder)
            # It is what `predict` makes of uint8 images in any case.
            assert model_of(classifier).limits == [(0.0, 255.0)]
            with pytest.raises(ValueError, match=r"`scaling` must have limits.*unknown"):
                model_of(classifier, dtype="float32")

    @pytest.mark.parametrize("wrong", [{"other": 1}, [], {"key": [True, [-1]]}, {"key": [1, [0]]}])
    def test_an_altered_file_is_refused(self, embedder, tmp_path, wrong):
        path = tmp_path / "altered.npz"
        PixelClassifier(embedder).fit(self.grey, self.labels).save(path)
        settings, *content = read_labelled(path)
        write_labelled(path, {**settings, "traits": wrong}, *content)
        with pytest.raises(ValueError, match=r"altered\.npz is no file of a pixel classifier"):
            PixelClassifier.load(path, embedder)

    @pytest.mark.parametrize("chosen", [[3, 1], ["d", "b"]])
    def test_own_limits_are_by_the_image_and_passed_ones_by_the_file(
        self, embedder, tmp_path, chosen
    ):
        pixels = np.stack([self.grey] * 5)
        image = uk.Image(pixels, "cyx", Details(channel_names=tuple("abcde")))
        limits = [(0.0, 100.0 + 20 * channel) for channel in range(5)]
        options = {"channels": chosen, "scaling": uk.Scaling(limits)}
        classifier = PixelClassifier(embedder, **options).fit(image, self.labels)
        classifier.save(tmp_path / "chosen.npz")
        for fitted in (classifier, PixelClassifier.load(tmp_path / "chosen.npz", embedder)):
            assert model_of(fitted).limits == [limits[3], limits[1]]
            pairs = [(0.0, 50.0), (0.0, 200.0)]
            assert model_of(fitted, scaling=uk.Scaling(pairs)).limits == pairs
            with pytest.raises(ValueError, match="one for each of the 2 channels of the file"):
                model_of(fitted, scaling=uk.Scaling(limits))
        stretched = PixelClassifier(embedder, channels=chosen)
        stretched.fit(uk.Image(16 * pixels.astype("uint16"), "cyx", image.details), self.labels)
        with pytest.raises(ValueError, match=r"fit\(images\).of_channels\(\[3, 1\]\)"):
            model_of(stretched)

    def test_own_limits_of_names_that_stand_elsewhere_in_another_image(self, embedder):
        details = [Details(channel_names=names) for names in (("a", "b"), ("b", "a"))]
        pixels = np.stack([self.grey, self.grey[::-1]])
        images = [uk.Image(pixels, "cyx", named) for named in details]
        for limits in ([(0, 100), (0, 200)], [(0, 100), (0, 100)]):
            options = {"channels": ["a"], "scaling": uk.Scaling(limits)}
            classifier = PixelClassifier(embedder, **options).fit(images, [self.labels] * 2)
            if limits[0] == limits[1]:
                assert model_of(classifier).limits == [(0.0, 100.0)]
            else:
                with pytest.raises(ValueError, match="`scaling` must be passed"):
                    model_of(classifier)

    def test_grey_pictures_in_colour_files_are_colours(self, embedder, tmp_path):
        colours = np.stack([self.grey] * 3, axis=-1)
        PixelClassifier(embedder).fit(colours, self.labels).save(tmp_path / "grey.npz")
        classifier = PixelClassifier.load(tmp_path / "grey.npz", embedder)
        assert model_of(classifier).channels == 3
        assert model_of(classifier, channels=1).channels == 1
        classifier.fit(self.grey, self.labels)
        assert model_of(classifier).channels == 1
        classifier.partial_fit(colours[::-1], self.labels)
        assert model_of(classifier).channels == 3
