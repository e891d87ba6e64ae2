"""Fixtures and settings of all tests."""

import base64
import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    # There are as many processes as cores; more threads double the time on PyTorch.
    for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(name, "1")
    flags = os.environ.get("XLA_FLAGS", "")  # flags of the caller are kept
    os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen=false {flags}"
ROOT = Path(__file__).parents[1]
# `parameters` is here.
sys.path.append(str(Path(__file__).parent))
# The slowest files, which are started first, so that all processes end at about the same time.
LONG = (
    "test_readme.py",
    "test_sweep.py",
    "test_fill_store.py",
    "test_locations.py",
    "test_workers.py",
    "test_package.py",
    "test_embedding.py",
    "test_pixel_embedder.py",
    "test_image_autoencoder.py",
    "test_onnx_export.py",
    "test_data_parallel.py",
    "test_training_backup.py",
    "test_page_browser.py",
)
# Folders whose tests run on PyTorch alone, but for those with the marker `every_backend`: they say
# nothing new on other backends.
TORCH_ALONE = (
    "apps",
    "examples",
    "images",
    "plots",
    "segmentation",
    "stores",
    "tuning",
    "zoo",
)
# Programs that JAX compiles are kept for other workers, processes and runs.
CACHE = ROOT / ".pytest_cache" / "jax"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")

# isort: split
import umbed_keras  # noqa: E402 (first: it chooses Keras's backend)

# isort: split
from keras import Layer, StatelessScope, backend, ops  # noqa: E402

if backend.backend() == "tensorflow":
    # Programs then compile in two thirds of the time. JAX's tests of `ops` optimize with the same
    # compiler.
    flags = os.environ.get("XLA_FLAGS", "")
    faster = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    os.environ["XLA_FLAGS"] = f"{faster} {flags}"


def pytest_collection_modifyitems(items):
    ranks = {name: rank for rank, name in enumerate(LONG)}
    items.sort(key=lambda item: ranks.get(item.path.name, len(LONG)))
    if backend.backend() != "torch":
        for item in items:
            folder = item.path.relative_to(ROOT / "tests").parts[0]
            alone = folder in TORCH_ALONE and not item.get_closest_marker("every_backend")
            if alone or item.get_closest_marker("torch_alone"):
                item.add_marker(pytest.mark.skip(reason="runs on PyTorch alone"))


@pytest.fixture(scope="module", autouse=True)
def optimization(request):
    """Turns off optimizations of JAX except in the tests of `ops`.

    Larger programs then compile in a half to two thirds of the time.
    """
    if backend.backend() == "jax":
        import jax

        arithmetic = (ROOT / "tests" / "ops") in request.path.parents
        jax.config.update("jax_disable_most_optimizations", not arithmetic)


@pytest.fixture(scope="session")
def rounding():
    """`rounding(terms, sums=1.0, dtype="float32")` returns ten times the expected rounding of sums.

    The rounding error of a sum of n terms is about sqrt(n) units of roundoff (Higham & Mary 2019)
    times the size of the sum. Processors differ by as much, because they sum in different orders; a
    wrong formula differs by more.

    Args:
        terms: number of terms of a sum, or a layer, for the number of products behind an output.
        sums: the expected sums, or numbers as large.
    """

    def bound(terms, sums=1.0, dtype="float32"):
        if isinstance(terms, Layer):
            shapes = [weight.shape for weight in terms.weights]
            terms = sum(np.prod(shape[:-1]) for shape in shapes if len(shape) > 1)
        largest = np.max(np.abs(ops.convert_to_numpy(sums)), initial=0)
        return 10 * np.sqrt(terms) * np.finfo(dtype).eps / 2 * largest

    return bound


@pytest.fixture
def float64():
    """Enables float64 on JAX, as on the other backends."""
    if backend.backend() != "jax":
        yield
        return
    import jax

    enable = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64
    with enable(True):
        yield


@pytest.fixture(scope="session")
def image():
    """An image whose sides are not multiples of the side of a tile."""
    return np.random.default_rng(0).integers(0, 256, (150, 210, 3), dtype="uint8")


@pytest.fixture
def small_tiles(monkeypatch):
    """Limits tiles to 64 pixels, so that small images have several."""
    monkeypatch.setattr(umbed_keras.PixelEmbedder, "largest_tile", lambda self, budget: 64)


@pytest.fixture
def compiled():
    """`compiled(function)` compiles a function with XLA on JAX and TensorFlow."""

    def compile_function(function):
        if backend.backend() == "jax":
            import jax

            return jax.jit(function)
        if backend.backend() == "tensorflow":
            import tensorflow as tf

            return tf.function(function, jit_compile=True)
        return function

    return compile_function


@pytest.fixture
def gradients():
    """`gradients(function, *arrays)` returns the gradients of a scalar function as NumPy arrays."""

    def differentiate(function, *arrays):
        tensors = [ops.convert_to_tensor(array) for array in arrays]
        if backend.backend() == "jax":
            import jax

            def pure(*tensors):
                # As in the trainer of Keras: traced values must not stay in variables.
                with StatelessScope():
                    return function(*tensors)

            results = jax.jit(jax.grad(pure, argnums=tuple(range(len(tensors)))))(*tensors)
        elif backend.backend() == "tensorflow":
            import tensorflow as tf

            with tf.GradientTape() as tape:
                tape.watch(tensors)
                value = function(*tensors)
            results = tape.gradient(value, tensors)
        else:
            import torch

            tensors = [tensor.detach().clone().requires_grad_() for tensor in tensors]
            results = torch.autograd.grad(function(*tensors), tensors)
        return [ops.convert_to_numpy(ops.convert_to_tensor(gradient)) for gradient in results]

    return differentiate


@pytest.fixture
def assert_gradients(gradients):
    """`assert_gradients(function, *arrays)` compares float64 gradients with central differences."""

    def check(function, *arrays, step=1e-6):
        computed = gradients(function, *arrays)
        if backend.backend() == "jax":
            import jax

            function = jax.jit(function)  # eagerly, it would take seconds
        rng = np.random.default_rng(0)
        # The expected slope in a random direction.
        scale = np.sqrt(sum(np.vdot(gradient, gradient) for gradient in computed))
        for _ in range(8):
            directions = [rng.standard_normal(array.shape) for array in arrays]
            ahead, behind = (
                function(
                    *(
                        ops.convert_to_tensor(array + change * direction)
                        for array, direction in zip(arrays, directions, strict=True)
                    )
                )
                for change in (step, -step)
            )
            slope = float(ahead - behind) / (2 * step)
            expected = sum(map(np.vdot, computed, directions))
            assert slope == pytest.approx(expected, abs=1e-6 * scale)

    return check


@pytest.fixture
def free_batch(compiled):
    """`free_batch(function, dim)` traces a function for `(n, dim)` with unknown n on TensorFlow."""

    def trace(function, dim):
        if backend.backend() != "tensorflow":
            return compiled(function)
        import tensorflow as tf

        signature = [tf.TensorSpec((None, dim), tf.float32)]
        # Without autograph, as in the trainer of Keras.
        return tf.function(function, input_signature=signature, autograph=False)

    return trace


@pytest.fixture(scope="session")
def on_two_devices(tmp_path_factory):
    """`on_two_devices(script)` runs a script and returns the arrays that it writes to its path.

    The script runs in a new process, in two on PyTorch, because devices must be split before a
    backend is first used. It can import `all_devices` of `examples/train_data_parallel.py`.
    """

    def run(script):
        path = tmp_path_factory.mktemp("two_devices") / "arrays.npz"
        paths = [ROOT, ROOT / "examples", os.environ.get("PYTHONPATH", "")]
        environment = {
            **os.environ,
            "KERAS_BACKEND": backend.backend(),
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "CUDA_VISIBLE_DEVICES": "",
            "JAX_PLATFORMS": "cpu",
            "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        }
        start = [sys.executable]
        if backend.backend() == "torch":
            start += ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        done = subprocess.run(
            [*start, script, path], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return dict(np.load(path))

    return run


@pytest.fixture
def serve():
    """`serve(handler)` starts a local server with a class of `http.server`; returns its address."""
    servers = []

    def start(handler):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def hugging_face(serve):
    """Address of a server with the protocol of Hugging Face for uploads and downloads.

    It has one commit and takes files inline.
    """
    commit, files = "a" * 40, {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self, content, status=200):
            text = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def body(self):
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            pieces = []
            while size := int(self.rfile.readline(), 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(pieces)

        def do_POST(self):
            body = self.body()
            if "/preupload/" in self.path:
                inline = {"uploadMode": "regular", "shouldIgnore": False}
                names = [file["path"] for file in json.loads(body)["files"]]
                self.answer({"files": [{"path": name, **inline} for name in names]})
            elif "/commit/" in self.path:
                for line in map(json.loads, body.splitlines()):
                    if line["key"] == "file":
                        content = base64.b64decode(line["value"]["content"])
                        files[line["value"]["path"]] = content
                self.answer({"commitOid": commit, "commitUrl": f"{address}/me/zoo/commit/{commit}"})
            else:  # creation of a repository, check of a card
                self.answer({"url": f"{address}/me/zoo"})

        def do_GET(self):
            known = {name: hashlib.sha1(file).hexdigest() for name, file in files.items()}
            if "/tree/" in self.path:
                self.answer(
                    [
                        {"type": "file", "path": name, "size": len(files[name]), "oid": oid}
                        for name, oid in known.items()
                    ]
                )
            elif "/resolve/" in self.path:
                name = self.path.split("/resolve/")[1].partition("/")[2]
                self.send_response(200)
                self.send_header("ETag", f'"{known[name]}"')
                self.send_header("X-Repo-Commit", commit)
                self.send_header("Content-Length", str(len(files[name])))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(files[name])
            else:
                names = [{"rfilename": name} for name in files]
                self.answer({"id": "me/zoo", "sha": commit, "siblings": names})

        def do_HEAD(self):
            self.do_GET()

        def log_message(self, *args):
            pass

    address = serve(Handler)
    return address
