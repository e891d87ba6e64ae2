"""News for all open pages, as server-sent events."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from typing import Any

# Seconds after which a comment keeps a connection alive.
_ALIVE = 15
# Milliseconds after which a page looks whether the server is there again.
_RETRY = 500


class Events:
    """Hands news from any thread to all pages that listen.

    Examples:
        >>> events = Events()
        >>> events.publish({"type": "busy"})  # nobody listens
        >>> events.num_listeners
        0
    """

    def __init__(self) -> None:
        self._queues: dict[asyncio.Queue[str | None], asyncio.AbstractEventLoop] = {}
        self._lock = threading.Lock()

    @property
    def num_listeners(self) -> int:
        """The number of pages that listen."""
        return len(self._queues)

    def publish(self, news: dict[str, Any]) -> None:
        """Tells all pages.

        Args:
            news: what JSON knows.
        """
        self._put(f"data: {json.dumps(news)}\n\n")

    def close(self) -> None:
        """Ends all connections."""
        self._put(None)

    async def stream(self) -> AsyncIterator[str]:
        """Yields the news for one page, as text of server-sent events."""
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        with self._lock:
            self._queues[queue] = asyncio.get_running_loop()
        try:
            yield f"retry: {_RETRY}\n: open\n\n"
            while True:
                try:
                    text = await asyncio.wait_for(queue.get(), _ALIVE)
                except TimeoutError:
                    text = ": alive\n\n"
                if text is None:
                    return
                yield text
        finally:
            with self._lock:
                del self._queues[queue]

    def _put(self, text: str | None) -> None:
        with self._lock:
            for queue, loop in self._queues.items():
                if not loop.is_closed():
                    loop.call_soon_threadsafe(queue.put_nowait, text)
