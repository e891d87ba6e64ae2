"""A process that writes tiles of a store for another.

It reads a `Recipe` and then tiles from its standard input, and answers each on its standard
output: None, str (why a tile failed), or the exception that ends the work.
"""

import os
import pickle
import queue
import sys
import threading

from umbed_keras.stores.processes import performer
from umbed_keras.stores.tiled_store import StoreError


def main():
    # What libraries print must not come between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    messages = queue.SimpleQueue()
    threading.Thread(target=_read, args=(messages,), daemon=True).start()
    perform = None
    while True:
        message = messages.get()
        try:
            if perform is None:
                perform, answer = performer(message), None
            else:
                answer = perform(message)
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
        os._exit(0)  # whoever asked is gone


if __name__ == "__main__":
    main()
