"""What stands before Streamlit: requests of other sites, files without a sign-in, and messages that no page sends.

Streamlit itself knows nothing of our sign-in. Without this, whoever reaches the server could fill its memory with
uploads, fetch an export whose address he has, and empty the caches of everybody.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg

from drg.errors import InputError
from ui import session

FILES = ("_stcore/upload_file/", "media/")
"""Addresses under which Streamlit takes uploads and hands out downloads."""
ICON = ".svg"
"""The icon of the pages is under ``media/`` too, and no export ends so."""
MESSAGES = frozenset({"rerun_script", "stop_script", "file_urls_request", "app_heartbeat"})
OPERATIONS = frozenset({"deferred_file", "dataframe_chunk"})
"""What pages say and ask for. The others empty the caches of everybody, tell about the folder of the program, or write
into it."""
REFUSED = 403
POLICY_VIOLATION = 1008
SECURITY_HEADERS = {
    # Scripts of charts and components are made in the page; everything must come from this server.
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'self'",
            "script-src 'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' blob: data:",
            "worker-src 'self' blob:",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self' data: blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}


class Gate:
    """ASGI middleware, the first that a request meets."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif not is_from_here(Headers(scope=scope)) or not await _may_have(scope):
            await _refuse(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._app(scope, _of_pages(receive), send)
        else:
            await self._app(scope, receive, _with_headers(send, _is_file(scope["path"])))


def is_from_here(headers: Headers) -> bool:
    """Whether no page of another site asks. A proxy in front must pass on the ``Host`` that the browser sent."""
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


async def _may_have(scope: Scope) -> bool:
    """Whether an address is for everybody, or who asks is signed in."""
    if not _is_file(scope["path"]):
        return True
    token = HTTPConnection(scope).cookies.get(session.COOKIE)
    return token is not None and await run_in_threadpool(_is_signed_in, token)


def _is_file(path: str) -> bool:
    return any(path.startswith(session.address_of(one)) for one in FILES) and not path.endswith(ICON)


def _is_signed_in(token: str) -> bool:
    try:
        account = session.account_of(token)
    except InputError:
        return False
    return account is not None and not account.must_change_password


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})
    else:
        await Response(status_code=REFUSED)(scope, receive, send)


def _of_pages(receive: Receive) -> Receive:
    """The messages of a page's connection; the others are dropped."""

    async def received() -> Message:
        while True:
            message = await receive()
            if message["type"] != "websocket.receive" or _is_of_pages(message.get("bytes")):
                return message

    return received


def _is_of_pages(message: bytes | None) -> bool:
    try:
        said = BackMsg.FromString(message or b"")
    except DecodeError:
        return False
    asked = said.backend_operation_request.WhichOneof("payload")
    return said.WhichOneof("type") in MESSAGES or asked in OPERATIONS


def _with_headers(send: Send, is_file: bool) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(SECURITY_HEADERS)
            if is_file:
                headers["Cache-Control"] = "no-store"
        await send(message)

    return sent
