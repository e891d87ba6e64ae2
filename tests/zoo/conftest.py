"""Servers that tests of presets run against."""

import base64
import functools
import hashlib
import http.server
import json
import threading
import time

import pytest


def running(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}"


@pytest.fixture
def web():
    """`web(folder, pause=0)`: address of a static server, and the list of paths asked of it.

    `pause` is what it waits, in seconds, before each piece of 64 kB.
    """
    servers = []

    def serve(folder, pause=0.0):
        asked = []

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                super().do_GET()

            def copyfile(self, source, outputfile):
                while piece := source.read(1 << 16):
                    time.sleep(pause)
                    outputfile.write(piece)

            def log_message(self, *args):
                pass

        server, address = running(functools.partial(Handler, directory=str(folder)))
        servers.append(server)
        return address, asked

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def hugging_face():
    """Address of a server that speaks what Hugging Face's does to upload and download files.

    It has one commit, and takes files inline.
    """
    commit, files = "a" * 40, {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self, found, status=200):
            text = json.dumps(found).encode()
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
            else:  # a repository made, a card's head checked
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

    server, address = running(Handler)
    yield address
    server.shutdown()
    server.server_close()
