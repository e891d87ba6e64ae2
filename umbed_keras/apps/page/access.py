"""Who may talk to the page's server."""

import hmac
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

_COOKIE = "umbed_token"
_LOCAL = {"127.0.0.1", "localhost", "::1"}
# Nothing of the page comes from elsewhere, and no other page may show it.
_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' blob: data:; "
        b"style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]


class Access:
    """Middleware that refuses requests of other pages, and of people without the token.

    A page of another origin can make a browser send requests to this machine. They are known by
    their `Origin`, and, where names of others lead to this machine, by their `Host`.

    Args:
        app: ASGI application.
        token: text that the address must have, or None where the server is that of this machine.

    Examples:
        >>> Access(None, None).refusal({"host": "127.0.0.1:80"}, "") is None
        True
        >>> Access(None, None).refusal({"host": "evil.example"}, "")
        'This server is for this machine alone.'
        >>> Access(None, "abc").refusal({"host": "lab:80"}, "token=abc") is None
        True
    """

    def __init__(self, app: Any, token: str | None) -> None:
        self.app, self.token = app, token

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Passes a request on, or answers it with status 403."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        query = scope["query_string"].decode("latin-1")
        reason = self.refusal(headers, query)
        if reason is not None:
            content = reason.encode()
            start = [(b"content-type", b"text/plain; charset=utf-8"), *_HEADERS]
            await send({"type": "http.response.start", "status": 403, "headers": start})
            await send({"type": "http.response.body", "body": content})
            return

        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start":
                added = list(_HEADERS)
                if self.token is not None:
                    cookie = f"{_COOKIE}={self.token}; HttpOnly; SameSite=Strict; Path=/"
                    added.append((b"set-cookie", cookie.encode()))
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        await self.app(scope, receive, answer)

    def refusal(self, headers: dict[str, str], query: str) -> str | None:
        """Returns why a request is refused, or None if it is not.

        Args:
            headers: name in lower case to value.
            query: what follows `?` in the address.
        """
        host = headers.get("host", "")
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return "Requests of other pages are refused."
        if self.token is None:
            if urlsplit(f"//{host}").hostname not in _LOCAL:
                return "This server is for this machine alone."
            return None
        cookie = SimpleCookie(headers.get("cookie", "")).get(_COOKIE)
        given = [*parse_qs(query).get("token", []), *([cookie.value] if cookie else [])]
        if any(hmac.compare_digest(text.encode(), self.token.encode()) for text in given):
            return None
        return "The address lacks the token that was printed when the page was started."
