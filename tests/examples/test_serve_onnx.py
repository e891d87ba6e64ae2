"""The service of `examples/serve_onnx.py`, with the smallest file that it takes."""

import asyncio
import io
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

EXAMPLE = Path(__file__).parents[2] / "examples/serve_onnx.py"


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """A function that runs the example with a classifier of dark and bright pixels."""
    for package in ("onnxruntime", "starlette"):
        pytest.importorskip(package)
    onnx = pytest.importorskip("onnx")

    def started(classes, channels=1, kind="UINT8"):
        types, make = onnx.TensorProto, onnx.helper
        nodes = [
            make.make_node("Cast", ["images"], ["numbers"], to=types.FLOAT),
            make.make_node("ReduceMean", ["numbers"], ["bright"], axes=[3], keepdims=1),
            make.make_node("Sub", ["most", "bright"], ["dark"]),
            make.make_node("Concat", ["dark", "bright"], ["probabilities"], axis=3),
        ]
        shape = ["batch", "height", "width"]
        images = make.make_tensor_value_info("images", getattr(types, kind), [*shape, channels])
        output = make.make_tensor_value_info("probabilities", types.FLOAT, [*shape, 2])
        most = make.make_tensor("most", types.FLOAT, [1], [255.0])
        graph = make.make_graph(nodes, "classifier", [images], [output], [most])
        model = make.make_model(graph, opset_imports=[make.make_opsetid("", 13)], ir_version=8)
        make.set_model_props(model, {"classes": str(classes)})
        onnx.save(model, tmp_path / "classifier.onnx")
        monkeypatch.setenv("CLASSIFIER", str(tmp_path / "classifier.onnx"))
        return runpy.run_path(str(EXAMPLE))

    return started


def answered(example, content):
    """The status and the body of the answer to a body."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": content}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b""}
    asyncio.run(example["app"]({**scope, "root_path": ""}, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


def file_of(image, mode=None):
    image, file = Image.fromarray(image), io.BytesIO()
    (image if mode is None else image.convert(mode)).save(file, "TIFF")
    return file.getvalue()


@pytest.mark.parametrize(("classes", "dtype"), [([3, 255], "uint8"), ([3, 300], "uint16")])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_images_of_8_bits_are_answered_by_their_mask(serve, classes, dtype, mode):
    image = np.array([[0, 0, 255], [255, 0, 0]], "uint8")
    status, body = answered(serve(classes), file_of(image, mode))
    mask = np.asarray(Image.open(io.BytesIO(body)))
    assert status == 200
    assert mask.dtype.itemsize >= np.dtype(dtype).itemsize
    np.testing.assert_array_equal(mask, np.where(image > 0, classes[1], classes[0]))


@pytest.mark.parametrize("dtype", ["uint16", "int32", "float32"])
def test_images_of_more_bits_are_refused(serve, dtype):
    status, body = answered(serve([1, 2]), file_of(np.full((4, 6), 1000, dtype)))
    assert status == 400
    assert body.startswith(b"The image must be of mode 1, L, LA, P, RGB, RGBA, not ")


def test_what_is_no_whole_image_is_refused(serve):
    whole = file_of(np.zeros((40, 60), "uint8"))
    for content in (b"", b"text", whole[:500]):
        status, body = answered(serve([1, 2], channels=3), content)
        assert (status, body[:30]) == (400, b"The body must be an image file")


@pytest.mark.parametrize(
    ("options", "received"),
    [
        ({"classes": [1, 2], "kind": "FLOAT"}, r"tensor\(float\) of 1 channels, class 2"),
        ({"classes": [1, 2], "channels": 2}, "of 2 channels, class 2"),
        ({"classes": [1, 70000]}, "class 70000"),
    ],
)
def test_a_classifier_that_it_cannot_serve_is_refused(serve, options, received):
    with pytest.raises(ValueError, match=f"classifier's images must be uint8.*{received}"):
        serve(**options)
