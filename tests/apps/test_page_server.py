"""Tests of the page's server: what it answers, and whom it refuses."""

import http.client
import io
import json
import struct
import threading
import zlib

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("sklearn")
pytest.importorskip("starlette", reason="needs the page: pip install 'umbed_keras[page]'")
pytest.importorskip("uvicorn", reason="needs the page: pip install 'umbed_keras[page]'")

from umbed_keras.apps.command import main
from umbed_keras.apps.page._serving import make_server, open_socket
from umbed_keras.apps.page.workspace import Workspace

pytestmark = pytest.mark.torch_alone
PRESET = "celeba_vq_k16"


class Client:
    """Sends requests to a server."""

    def __init__(self, port):
        self.port = port

    def __call__(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer, content

    def json(self, method, path, body=None, status=200):
        answer, content = self(method, path, body)
        assert answer.status == status, content
        return json.loads(content)


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """`serve(token)` starts a server of two images; returns its client and workspace."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    folder = tmp_path / "images"
    folder.mkdir()
    values = np.random.default_rng(0).integers(0, 60, (40, 48, 3))
    values[:, 24:] += 180
    Image.fromarray(values.astype("uint8")).save(folder / "photo.png")
    np.save(folder / "stack.npy", (100 * values).astype("uint16").transpose(2, 0, 1)[..., None])
    running = []

    def start(token=None, max_upload=1 << 20):
        workspace = Workspace.of_paths([folder / "photo.png"], open_paths=token is None)
        workspace.set_preset(PRESET)
        bound = open_socket("127.0.0.1")
        server = make_server(workspace, token, max_upload)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        running.append((server, thread, workspace))
        return Client(bound.getsockname()[1]), workspace

    yield start
    for server, thread, workspace in running:
        workspace.close()
        server.should_exit = True
        thread.join(10)


def tiles(labels):
    whole = np.zeros((256, 256), "uint8")
    whole[: labels.shape[0], : labels.shape[1]] = labels
    return struct.pack("<II", 0, 0) + whole.tobytes()


def test_a_stroke_comes_back_as_classes(serve):
    client, workspace = serve()
    answer, content = client("GET", "/")
    assert b"<canvas" in content
    assert answer.headers["x-content-type-options"] == "nosniff"
    for name in ("main.js", "style.css", "icons.svg"):
        assert client("GET", f"/static/{name}")[0].status == 200
    state = client.json("GET", "/api/state")
    key = state["images"][0]["key"]
    details = client.json("GET", f"/api/images/{key}")
    assert [channel["name"] for channel in details["channels"]] == ["red", "green", "blue"]
    _, picture = client(
        "GET", f"/api/images/{key}/tiles/0/0/0?c=0:ff0000:0:255&c=1:00ff00:0:255&c=2:0000ff:0:255"
    )
    original = Image.open(workspace.project.images[key].path)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(picture))), original)
    assert client("GET", f"/api/images/{key}/thumbnail")[0].status == 200
    client.json("POST", "/api/do/view", json.dumps({"key": key}))
    labels = np.zeros((40, 48), "uint8")
    labels[4:-4, 3], labels[4:-4, -4] = 1, 2
    state = client.json("POST", f"/api/images/{key}/strokes?plane=", tiles(labels))
    assert [given["count"] for given in state["classes"]] == [32, 32]
    assert state["undo"] == "stroke"
    workspace.worker.wait()
    _, picture = client("GET", f"/api/images/{key}/maps/segmentation/0/0/0?v=1")
    shown = np.asarray(Image.open(io.BytesIO(picture)).convert("RGBA"))
    assert shown[20, 5].tolist() == [213, 94, 0, 255]
    assert shown[20, 40].tolist() == [0, 114, 178, 255]
    _, picture = client("GET", f"/api/images/{key}/maps/uncertainty/1/0/0?v=1")
    assert Image.open(io.BytesIO(picture)).size == (24, 20)
    answer, content = client("GET", f"/api/images/{key}/strokes")
    assert zlib.decompress(content) == tiles(labels)
    _, content = client("GET", "/api/project")
    assert content == workspace.project.path.read_bytes()
    state = client.json("POST", "/api/do/undo")["state"]
    assert state["redo"] == "stroke"


def test_news_reach_pages(serve):
    client, workspace = serve()
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=30)
    connection.request("GET", "/api/events")
    answer = connection.getresponse()
    assert answer.readline() == b"retry: 500\n"
    workspace.events.publish({"type": "hello"})
    lines = iter(answer.readline, b"")
    assert b'data: {"type": "hello"}\n' in (next(lines) for _ in range(9))
    workspace.events.close()
    assert answer.read() is not None
    connection.close()


def test_uploads_are_images_within_a_limit(serve):
    client, workspace = serve(max_upload=5000)
    content = io.BytesIO()
    Image.new("L", (9, 8), 7).save(content, "png")
    answer = client.json("POST", "/api/upload?name=..%2F..%2Fnew.png", content.getvalue())
    assert answer == {"broken": {}}
    assert [image["name"] for image in client.json("GET", "/api/state")["images"]] == [
        "photo.png",
        "new.png",
    ]
    answer = client.json("POST", "/api/upload?name=not.png", b"nothing")
    assert list(answer["broken"]) == ["not.png"]
    client.json("POST", "/api/upload?name=large.png", b"0" * 6000, status=413)
    folder = workspace.upload_path("x.png").parent
    assert [path.name for path in folder.iterdir()] == ["new.png"]


def test_wrong_requests_have_reasons(serve):
    client, _ = serve()
    key = client.json("GET", "/api/state")["images"][0]["key"]
    assert "no image" in client.json("GET", "/api/images/none", status=404)["error"]
    assert client.json("POST", "/api/do/explode", status=404)["error"]
    client.json("GET", f"/api/images/{key}/tiles/0/0/0?c=9:ffffff:0:1", status=400)
    client.json("GET", f"/api/images/{key}/tiles/0/0/0?c=what", status=400)
    client.json("GET", f"/api/images/{key}/maps/segmentation/0/0/0", status=404)
    client.json("POST", f"/api/images/{key}/strokes", b"123", status=400)
    client.json("POST", "/api/do/open_path", json.dumps({"path": "/none"}), status=404)
    client.json("POST", "/api/do/change_class", json.dumps({"number": 77}), status=404)
    client.json("POST", "/api/do/set_preset", json.dumps({"preset": "/tmp"}), status=400)
    assert client("GET", "/static/../_server.py")[0].status == 404


def test_other_pages_are_refused(serve):
    client, _ = serve()
    port = client.port
    assert client("GET", "/api/state", Host="evil.example")[0].status == 403
    assert client("GET", "/api/state", Host=f"localhost:{port}")[0].status == 200
    assert client("POST", "/api/do/undo", "{}", Origin="http://evil.example")[0].status == 403
    assert client("POST", "/api/do/undo", "{}", Origin="null")[0].status == 403
    own = f"http://127.0.0.1:{port}"
    assert client("POST", "/api/do/undo", "{}", Origin=own)[0].status == 200


def test_a_page_for_others_needs_the_token(serve):
    client, _ = serve(token="secret-of-today")
    assert client("GET", "/")[0].status == 403
    assert client("GET", "/?token=guess")[0].status == 403
    answer, _ = client("GET", "/?token=secret-of-today", Host="lab:80")
    assert answer.status == 200
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert client("GET", "/api/state", Cookie=cookie.split(";")[0])[0].status == 200


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.tif"], "There is no file or folder none.tif."),
        (["--port", "70000"], "--port must be between 0 and 65535. Received: 70000"),
    ],
)
def test_errors_of_the_command_are_one_line(arguments, message, capsys):
    with pytest.raises(SystemExit) as error:
        main(["page", "--no-browser", *arguments])
    assert error.value.code == 2
    assert capsys.readouterr().err == f"umbed-keras page: error: {message}\n"
