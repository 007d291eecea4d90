"""Signing in with a browser: the cookie that no script can read, a reload, a closed address, signing out."""

from __future__ import annotations

from pathlib import Path

from tests.ui.accounts_fixture import PASSWORD
from tests.ui.browser import keep_shot, opened, served
from ui.session import COOKIE
from ui.text import text


def test_a_sign_in_survives_a_reload_and_ends_with_the_sign_out(
    installation_folder: Path, tmp_path: Path
) -> None:
    config = installation_folder / "ui.toml"
    with served(config) as address, opened(f"{address}/administration", 1280, 800) as page:
        name = page.get_by_label(text("login.name", "zh"))
        name.wait_for()
        keep_shot(page, "sign-in", tmp_path)
        name.fill("admin")
        with page.expect_response("**/session/keep") as kept:
            password = page.get_by_label(text("login.password", "zh"), exact=True)
            password.fill(PASSWORD)
            password.press("Enter")
        assert kept.value.status == 204
        person = page.locator(".st-key-person button")
        person.wait_for()
        # The address that was asked for is where the sign-in leads.
        page.get_by_text(text("administration.choose", "zh")).wait_for()
        cookie = next(cookie for cookie in page.context.cookies() if cookie["name"] == COOKIE)
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        assert cookie["value"] not in page.evaluate("document.cookie")
        page.goto(f"{address}/workbench")
        page.get_by_text(text("access.page_refused", "zh").partition("\n")[0]).wait_for()
        person.click()
        page.get_by_role("button", name=text("login.sign_out", "zh")).click()
        name.wait_for()
        page.reload()
        name.wait_for()
        assert cookie["value"] not in page.url
