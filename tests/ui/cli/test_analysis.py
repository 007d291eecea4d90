"""``report``, ``running``, ``impact`` and ``feedback``: files in, files out, nothing half written."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.drg.analytics.cases import child_pack
from tests.ui.browser import ARGUMENTS, CHROMIUM, need
from tests.ui.cli.conftest import Run

if TYPE_CHECKING:
    from playwright.sync_api import Page

SCHEME = "chs-drg-1.1"
HEAD = (
    "case_id,sex,age,los_days,discharge_way,admission_date,discharge_date,department,dx,proc,"
    "total_cost_yuan,insurance_type"
)
CASES = f"""{HEAD}
1001,1,65,7,1,2026-04-24,2026-05-01,D1,I50.900|J96.000,,15000,310
1002,2,31,4,1,2026-04-29,2026-05-03,D2,K35.800x001,47.0100,9000,310
1003,1,70,5,1,2026-05-01,2026-05-06,D1,I50.900,,7000,310
"""
OPEN = f"""{HEAD}
2001,1,65,,,2026-05-01,,D1,I50.900|J96.000,,15000,310
2002,2,31,4,1,2026-04-29,2026-05-03,D2,K35.800x001,47.0100,9000,310
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "cases.csv"
    path.write_text(CASES, encoding="utf-8")
    return path


@pytest.mark.parametrize("ending", [".html", ".xlsx"])
def test_report(run: Run, source: Path, tmp_path: Path, ending: str) -> None:
    out, reference = tmp_path / f"r{ending}", tmp_path / "reference.csv"
    done = run(
        "report", source, "--contract", "jilin-2022", "--as-if", "--out", out, "--reference-out", reference
    )
    assert done.code == 0, done.err
    assert out.stat().st_size > 1000
    assert run("report", source, "--reference", reference, "--out", out).code == 0
    if ending == ".html":
        assert "compare with the given reference" in out.read_text(encoding="utf-8")
    assert {path.name for path in tmp_path.iterdir()} == {"cases.csv", "reference.csv", out.name}


def test_rejected_rows_are_said(run: Run, source: Path, tmp_path: Path) -> None:
    source.write_text(CASES.replace("1003,1,70", "1003,1,-7"), encoding="utf-8")
    done = run("report", source, "--out", tmp_path / "r.html")
    assert (done.code, "1 rows rejected" in done.err) == (3, True)


def test_running(run: Run, source: Path, tmp_path: Path) -> None:
    source.write_text(OPEN, encoding="utf-8")
    done = run("running", source, "--today", "2026-05-20", "--contract", "jilin-2022")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert len(lines) == 2
    assert "2001\tFR21" in lines[1] and "of the standard" in lines[1]
    rows = run("running", source, "--today", "2026-05-20", "--json").json
    assert [(row["case_id"], row["days"], row["standard_fen"]) for row in rows] == [("2001", 19, None)]
    assert run("running", source, "--today", "2026-05-20", "--out", tmp_path / "r.html").code == 0


def test_impact(run: Run, source: Path, tmp_path: Path) -> None:
    child = child_pack(tmp_path / "child").folder
    done = run("impact", source, "--from", SCHEME, "--to", child)
    assert done.code == 0, done.err
    assert "Newly not grouped\t2" in done.out
    options = ("--contract-a", "jilin-2022", "--contract-b", "tongchuan-2022")
    done = run(
        "impact", source, "--from", SCHEME, "--to", SCHEME, *options, "--json", "--out", tmp_path / "i.xlsx"
    )
    assert (done.code, done.json["totals"][0]["moved"]) == (0, 0)
    parts = [row["payment_fen_change"] for row in done.json["by_department"]]
    assert sum(parts) == done.json["totals"][0]["payment_fen_change"] != 0


def test_feedback(run: Run, source: Path, tmp_path: Path) -> None:
    payer = tmp_path / "payer.csv"
    payer.write_text("case_id,group,payment_yuan\n1001,FR25,5000\n1003,FR25,\n9,FR25,x\n", encoding="utf-8")
    out = tmp_path / "d.csv"
    done = run("feedback", source, "--payer", payer, "--scheme", SCHEME, "--out", out)
    assert done.code == 3, "a cell could not be read"
    assert "1 lines agree, 3 differ" in done.out
    more = ("--previous", out, "--set", "1001=appealed")
    done = run("feedback", source, "--payer", payer, "--scheme", SCHEME, "--out", tmp_path / "e.csv", *more)
    with (tmp_path / "e.csv").open(encoding="utf-8-sig") as file:
        rows = {row["case_id"]: row for row in csv.DictReader(file)}
    assert (rows["1001"]["cause"], rows["1001"]["status"]) == ("exclusion", "appealed")
    assert rows["9"]["status"] == "open"
    done = run("feedback", source, "--payer", payer, "--scheme", SCHEME, "--out", out, "--json")
    assert done.json["differences"] == 3


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("report", "cases.csv", "--out", "r.pdf"), 2),
        (("report", "cases.csv", "--out", "r.html", "--contract", "nowhere"), 4),
        (("report", "cases.csv", "--out", "r.html", "--reference", "cases.csv"), 4),
        (("report", "cases.csv", "--out", "cases.csv"), 2),
        (("impact", "cases.csv", "--from", SCHEME, "--to", "nowhere", "--out", "i.html"), 4),
        (("running", "cases.csv", "--today", "soon"), 2),
        (("running", "cases.csv"), 0),
        (("feedback", "cases.csv", "--payer", "none.csv", "--scheme", SCHEME, "--out", "d.csv"), 4),
        (("feedback", "cases.csv", "--payer", "cases.csv", "--scheme", SCHEME, "--out", "d.html"), 2),
        (
            (
                "feedback",
                "cases.csv",
                "--payer",
                "cases.csv",
                "--scheme",
                SCHEME,
                "--out",
                "d.csv",
                "--set",
                "x",
            ),
            2,
        ),
        (
            (
                "feedback",
                "cases.csv",
                "--payer",
                "cases.csv",
                "--scheme",
                SCHEME,
                "--out",
                "d.csv",
                "--set",
                "x=open",
            ),
            4,
        ),
    ],
)
def test_what_cannot_be_done_writes_nothing(
    run: Run, source: Path, arguments: tuple[str, ...], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(source.parent)
    done = run(*arguments)
    assert done.code == code, done.err
    assert "Traceback" not in done.err
    assert [path.name for path in source.parent.iterdir()] == ["cases.csv"]


@pytest.fixture
def page() -> Page:
    need(CHROMIUM.is_file(), str(CHROMIUM))
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser.new_page(viewport={"width": 1280, "height": 900})  # type: ignore[misc]
        browser.close()


def test_the_report_in_a_browser(run: Run, source: Path, tmp_path: Path, page: Page) -> None:
    """The page asks nobody for anything, is not wider than the window, and its bars and tables can be seen."""
    out = tmp_path / "r.html"
    assert run("report", source, "--contract", "jilin-2022", "--as-if", "--out", out).code == 0
    asked: list[str] = []
    told: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: told.append(message.text))
    page.goto(out.as_uri())
    assert asked == [out.as_uri()]
    assert told == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.locator("svg [aria-roledescription=bar]").first.bounding_box()
    heights = page.locator("section").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect().height)"
    )
    assert len(heights) >= 5 and min(heights) > 60
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
