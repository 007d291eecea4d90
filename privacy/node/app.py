"""The two addresses of a node: ``POST /jobs/{job_id}`` with an envelope, ``GET /health`` without data."""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

from privacy.node.jobs import Node
from privacy.party import Limits

JOB_ID = re.compile(r"[0-9a-f]{32}")


class _TooLargeError(Exception):
    """A body of more bytes than are taken."""


def node_app(node: Node, limits: Limits) -> FastAPI:
    """The application; who may connect at all is decided below it, see ``privacy.node.serve``."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/health")
    def health() -> Response:
        return Response(b"ok", media_type="text/plain")

    @app.post("/jobs/{job_id}")
    async def job(job_id: str, request: Request) -> Response:
        if not JOB_ID.fullmatch(job_id):
            return Response(status_code=HTTPStatus.NOT_FOUND)
        try:
            async with asyncio.timeout(limits.seconds):
                data = await _body(request, limits.message_bytes)
        except _TooLargeError:
            # The rest of the body is not worth reading.
            node.refuse_unread(job_id, "message.too_large")
            return Response(status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE, headers={"Connection": "close"})
        except TimeoutError:
            node.refuse_unread(job_id, "message.too_slow")
            return Response(status_code=HTTPStatus.REQUEST_TIMEOUT, headers={"Connection": "close"})
        reply = await run_in_threadpool(node.answer, job_id, data)
        return Response(reply, media_type="application/octet-stream")

    return app


async def _body(request: Request, most: int) -> bytes:
    """The body, refused by its declared length, and again while it comes."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most:
        raise _TooLargeError
    body = bytearray()
    async for chunk in request.stream():
        if len(body) + len(chunk) > most:
            raise _TooLargeError
        body += chunk
    return bytes(body)
