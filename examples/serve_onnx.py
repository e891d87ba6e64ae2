"""Serves masks over HTTP from an exported classifier, without Keras, scikit-learn or umbed_keras.

    umbed-keras export cells.umbed classifier.onnx
    uvicorn --app-dir examples serve_onnx:app
    curl --data-binary @image.png http://127.0.0.1:8000/ --output mask.png

Needs numpy, onnxruntime, pillow, starlette and uvicorn. The file's path is that of the environment
variable `CLASSIFIER`, or `classifier.onnx`. A mask holds the numbers of the classes.
The classifier must take uint8; an image of more bits is answered by status 400.
"""

import io
import json
import os

import numpy as np
import onnxruntime
from PIL import Image
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

session = onnxruntime.InferenceSession(os.environ.get("CLASSIFIER", "classifier.onnx"))
(images,) = session.get_inputs()
numbers = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
if images.type != "tensor(uint8)" or images.shape[3] not in (1, 3) or max(numbers) > 65535:
    raise ValueError(
        "The classifier's images must be uint8 of 1 or 3 channels, and its classes at most 65535. "
        f"Received: {images.type} of {images.shape[3]} channels, class {max(numbers)}"
    )
classes = np.array(numbers, "uint8" if max(numbers) < 256 else "uint16")
mode = {1: "L", 3: "RGB"}[images.shape[3]]
# Modes of Pillow whose numbers have 8 bits and are grey or colours; others would be clipped.
MODES = ("1", "L", "LA", "P", "RGB", "RGBA")


def mask(content: bytes) -> bytes:
    """Returns the mask of an image file as a PNG file; raises a ValueError if it is none."""
    try:
        image = Image.open(io.BytesIO(content))
        if image.mode not in MODES:
            raise ValueError(f"The image must be of mode {', '.join(MODES)}, not {image.mode}")
        pixels = np.atleast_3d(np.asarray(image.convert(mode)))
    except OSError as error:
        raise ValueError("The body must be an image file that Pillow reads, whole") from error
    (probabilities,) = session.run(["probabilities"], {"images": pixels[None]})
    file = io.BytesIO()
    Image.fromarray(classes[probabilities[0].argmax(axis=-1)]).save(file, "PNG")
    return file.getvalue()


async def answer(request: Request) -> Response:
    content = await request.body()
    try:
        return Response(await run_in_threadpool(mask, content), media_type="image/png")
    except ValueError as error:
        return Response(f"{error}\n", 400, media_type="text/plain")


app = Starlette(routes=[Route("/", answer, methods=["POST"])])
