"""The server of the pages: ``python -m streamlit run ui/server.py``.

It serves the pages (``entry/app.py``) and the one address that turns the ticket of a sign-in into a cookie, both behind
the gate (``gate.py``).
"""

from __future__ import annotations

import json
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ui import tickets
from ui.gate import Gate, is_from_here
from ui.session import COOKIE, COOKIE_PATH, address_of

MOST_BYTES = 500


async def keep(request: Request) -> Response:
    """Answer a ticket with the cookie of its session; 403 for a ticket that is not good, or from another site."""
    ticket = await _ticket(request) if _is_of_a_page(request) else None
    redeemed = tickets.redeem(ticket) if ticket else None
    if redeemed is None:
        return Response(status_code=403)
    response = Response(status_code=204, headers={"Cache-Control": "no-store"})
    response.set_cookie(
        COOKIE,
        redeemed.token,
        httponly=True,
        samesite="strict",
        secure=redeemed.secure or request.url.scheme == "https",
        path="/",
    )
    return response


def _is_of_a_page(request: Request) -> bool:
    """Whether a page of this server asks: else another site could sign a person in as somebody else."""
    is_json = request.headers.get("content-type", "").split(";")[0] == "application/json"
    return is_json and "origin" in request.headers and is_from_here(request.headers)


async def _ticket(request: Request) -> str | None:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            return None
    try:
        document = json.loads(body)
    except ValueError:
        return None
    ticket = document.get("ticket") if isinstance(document, dict) else None
    return ticket if isinstance(ticket, str) else None


app = st.App(
    Path(__file__).with_name("entry") / "app.py",
    routes=[Route(address_of(COOKIE_PATH), keep, methods=["POST"])],
    middleware=[Middleware(Gate)],
)
