"""Serves masks over HTTP from an exported classifier, without Keras, scikit-learn or umbed_keras.

    umbed-keras export cells.umbed classifier.onnx
    uvicorn --app-dir examples serve_onnx:app
    curl --data-binary @image.png http://127.0.0.1:8000/ --output mask.png

Needs numpy, onnxruntime, pillow, starlette and uvicorn. The file's path is that of the environment
variable `CLASSIFIER`, or `classifier.onnx`. A mask holds the numbers of the classes.
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
classes = np.array(json.loads(session.get_modelmeta().custom_metadata_map["classes"]), "uint8")
mode = {1: "L", 3: "RGB"}[session.get_inputs()[0].shape[3]]


def mask(content: bytes) -> bytes:
    """Returns the mask of an image file as a PNG file."""
    image = np.atleast_3d(np.asarray(Image.open(io.BytesIO(content)).convert(mode)))
    (probabilities,) = session.run(["probabilities"], {"images": image[None]})
    file = io.BytesIO()
    Image.fromarray(classes[probabilities[0].argmax(axis=-1)]).save(file, "PNG")
    return file.getvalue()


async def answer(request: Request) -> Response:
    content = await request.body()
    return Response(await run_in_threadpool(mask, content), media_type="image/png")


app = Starlette(routes=[Route("/", answer, methods=["POST"])])
