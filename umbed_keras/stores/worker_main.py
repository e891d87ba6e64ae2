"""The program of a worker process, which writes tiles of a store for another process.

It reads a `Recipe` and then tiles, pickled, from its standard input. It answers each on its
standard output: with None; with a str, the reason why a tile failed; or with the exception that
ends the work.
"""

import os
import pickle
import queue
import sys
import threading

from umbed_keras.stores.tiled_store import StoreError
from umbed_keras.stores.worker_pool import tile_writer


def main() -> None:
    """Answers messages until the standard input ends."""
    # Output of libraries must not come between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    messages = queue.SimpleQueue()
    threading.Thread(target=_read, args=(messages,), daemon=True).start()
    write = None
    while True:
        message = messages.get()
        try:
            if write is None:
                write, answer = tile_writer(message), None
            else:
                answer = write(message)
        except StoreError as error:
            answer = error
        except Exception as error:
            answer = RuntimeError(f"A worker can't start: {type(error).__name__}: {error}")
        pickle.dump(answer, answers)
        answers.flush()


def _read(messages):
    try:
        while True:
            messages.put(pickle.load(sys.stdin.buffer))
    except EOFError:
        os._exit(0)  # the other process has ended


if __name__ == "__main__":
    main()
