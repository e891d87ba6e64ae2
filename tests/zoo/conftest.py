"""A web server that tests of presets run against."""

import functools
import http.server
import time

import pytest


@pytest.fixture
def web(serve):
    """`web(folder, pause=0)`: address of a static server, and the list of paths asked of it.

    `pause` is what it waits, in seconds, before each piece of 64 kB.
    """

    def serve_folder(folder, pause=0.0):
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

        return serve(functools.partial(Handler, directory=str(folder))), asked

    return serve_folder
