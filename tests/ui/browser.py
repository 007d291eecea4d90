"""The pages in a browser that can reach nothing but this machine: what all browser tests share."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import REPOSITORY
from ui import home
from ui.text import text

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]
SHOTS = "DRGBRIDGE_SHOTS"
"""Names the folder in which CI keeps the screenshots."""
VIEWPORT = (1440, 900)
TIMEOUT_MS = 60_000
"""A busy machine takes its time with the first page after the start of the server."""


def need(is_there: bool, what: str) -> None:
    """Skip without a browser; fail where CI promises one."""
    if is_there:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing, and CI must test the page")
    pytest.skip(f"{what} is missing: apt-get install chromium fonts-noto-cjk, pip install playwright")


@contextmanager
def served(config: Path | None = None) -> Iterator[str]:
    """The address of the pages of an installation, or of none, on a free port."""
    need(CHROMIUM.is_file(), str(CHROMIUM))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "ui/server.py", "--server.port", str(port)]
    environment = {**os.environ, home.VARIABLE: str(config or "")}
    server = subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_until_healthy(address, server)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=20)


def _wait_until_healthy(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert server.poll() is None, "the page's server ended"
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):  # noqa: S310
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail("the page's server did not answer within 60 s")


@contextmanager
def opened(address: str, width: int = VIEWPORT[0], height: int = VIEWPORT[1]) -> Iterator[Page]:
    """A new browser at an address. At the end it must have asked for nothing outside this machine."""
    with opened_by(address, 1, width, height) as pages:
        yield pages[0]


@contextmanager
def opened_by(
    address: str, people: int, width: int = VIEWPORT[0], height: int = VIEWPORT[1]
) -> Iterator[list[Page]]:
    """As :func:`opened`, for several people who share nothing."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        need(False, "playwright")
    outside: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=ARGUMENTS)
        pages = [
            browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN").new_page()
            for _ in range(people)
        ]
        for page in pages:
            page.on(
                "request", lambda request: outside.append(request.url) if is_outside(request.url) else None
            )
            page.set_default_timeout(TIMEOUT_MS)
            page.goto(address)
        yield pages
        browser.close()
    assert outside == []


def is_outside(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:"))


def sign_in(page: Page, name: str, password: str) -> None:
    """Sign in with the keyboard; the page that was asked for comes after it."""
    page.get_by_label(text("login.name", "zh"), exact=True).focus()
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")


def settle(page: Page) -> None:
    """Wait until the run of the page has ended: what is typed during a run may be taken by it."""
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()


def keep_shot(page: Page, name: str, folder: Path) -> None:
    """Keep a screenshot where CI collects them, else in the test's folder; an empty page would be a small file."""
    kept = Path(os.environ.get(SHOTS) or folder)
    kept.mkdir(parents=True, exist_ok=True)
    assert len(page.screenshot(path=kept / f"{name}.png")) > 10_000
