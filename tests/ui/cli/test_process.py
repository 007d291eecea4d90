"""What only a process of its own shows: languages, signals, killed runs, broken pipes, the installation."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.ui.cli.conftest import DRGBRIDGE, run_process

CHINESE = {"LC_ALL": "zh_CN.UTF-8"}


@pytest.mark.parametrize(
    ("environment", "chinese"),
    [
        ({"LC_ALL": "zh_CN.UTF-8", "LANG": "en_US.UTF-8"}, True),
        ({"LC_ALL": "", "LC_MESSAGES": "zh_TW", "LANG": "en_US"}, True),
        ({"LC_ALL": "", "LC_MESSAGES": "", "LANG": "zh_CN.GB18030"}, True),
        ({"LC_ALL": "C", "LC_MESSAGES": "zh_CN", "LANG": "zh_CN"}, False),
        ({"LC_ALL": "", "LC_MESSAGES": "", "LANG": ""}, False),
    ],
)
def test_the_locale_chooses_the_language(environment: dict[str, str], chinese: bool) -> None:
    from ui.cli.language import of_locale

    assert of_locale(environment) == ("zh" if chinese else "en")


def test_help_results_and_messages_are_chinese_in_a_chinese_locale(cases: Path) -> None:
    assert "退出码" in run_process("--help", **CHINESE).out
    ended = run_process("group", cases, **CHINESE)
    assert ended.code == 3
    assert "年龄为负数：-4" in ended.out
    assert "共 4 行：入组 2，拒收 1，未入组 1" in ended.err


def test_the_option_goes_before_the_locale_and_may_stand_anywhere(cases: Path) -> None:
    assert "Exit codes" in run_process("group", "--help", "--lang", "en", **CHINESE).out
    assert "缺少 'IN'" in run_process("--lang=zh", "group").err
    unknown = run_process("group", cases, "--lang", "fr")
    assert (unknown.code, "use zh or en" in unknown.err) == (2, True)


def test_stdout_is_pure_and_json_parses(cases: Path) -> None:
    done = subprocess.run([DRGBRIDGE, "explain", cases, "--case", "1001", "--json"], capture_output=True)
    assert done.returncode == 0
    assert done.stdout.startswith(b"{")
    assert done.stderr == b""


def test_a_terminal_without_chinese_gets_question_marks() -> None:
    ended = run_process("search", "47.0100", PYTHONIOENCODING="ascii")
    assert ended.code == 0
    assert "47.0100\t????????" in ended.out


@pytest.fixture(scope="module")
def many_cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that takes long enough to be interrupted."""
    path = tmp_path_factory.mktemp("many") / "many.csv"
    lines = "".join(f"{number},I21.001|E11.900\n" for number in range(800_000))
    path.write_text(f"case_id,dx\n{lines}", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("sent", "code"),
    [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130)],
    ids=lambda x: str(x),
)
def test_a_run_that_is_ended_leaves_no_half_file(
    sent: signal.Signals, code: int, many_cases: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    out.write_text("of an earlier run", encoding="utf-8")
    command = [DRGBRIDGE, "group", many_cases, "--scheme", "chs-drg-1.1", "--out", out]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    _wait_until_writing(process, tmp_path)
    process.send_signal(sent)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert b"Traceback" not in err
    assert out.read_text(encoding="utf-8") == "of an earlier run"
    if sent != signal.SIGKILL:
        assert b"no file was written" in err
        assert list(tmp_path.iterdir()) == [out]
    assert {path.name for path in tmp_path.iterdir() if not path.name.startswith(".")} == {"out.csv"}


def _wait_until_writing(process: subprocess.Popen[bytes], folder: Path) -> None:
    for _ in range(600):
        if any(path.stat().st_size > 1000 for path in folder.glob(".out.csv.*.part")):
            return
        assert process.poll() is None, "the run was over before it could be ended"
        time.sleep(0.02)
    raise AssertionError("the run wrote nothing")


def test_a_reader_that_goes_away_is_no_error(many_cases: Path) -> None:
    command = [DRGBRIDGE, "group", many_cases, "--scheme", "chs-drg-1.1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith(b'"row"')
    process.stdout.close()
    assert process.wait(timeout=60) == 141
    assert process.stderr.read() == b""


def test_an_unexpected_error_is_one_line_and_the_trace_on_request(cases: Path, tmp_path: Path) -> None:
    broken = tmp_path / "sitecustomize.py"
    broken.write_text(
        "import drg.grouper.files as files\n"
        "def group_file(*_): raise RuntimeError('secret name of a patient')\n"
        "files.group_file = group_file\n",
        encoding="utf-8",
    )
    plain = run_process("group", cases, PYTHONPATH=str(tmp_path))
    assert plain.code == 1
    assert plain.err.startswith("Unexpected error: RuntimeError at ")
    assert plain.err.count("\n") == 1
    assert "secret" not in plain.err
    assert "Traceback" in run_process("group", cases, PYTHONPATH=str(tmp_path), DRGBRIDGE_DEBUG="1").err


def test_version_says_what_runs_from_where() -> None:
    ended = run_process("--version")
    lines = ended.out.splitlines()
    assert ended.code == 0
    assert lines[0].startswith("drgbridge ")
    root = Path(__file__).parents[3]
    assert lines[1:] == [f"{name}: {root / name}" for name in ("drg", "claims", "privacy", "ui")]


def test_another_package_called_drg_is_named(tmp_path: Path) -> None:
    (tmp_path / "drg").mkdir()
    (tmp_path / "drg" / "__init__.py").write_text("raise SystemExit('the other one')", encoding="utf-8")
    ended = run_process("search", "x", PYTHONPATH=str(tmp_path))
    assert ended.code == 1
    assert f"drg: {tmp_path / 'drg'}" in ended.out
    assert "pip uninstall drg" in ended.err
    assert "警告" in ended.err


def test_help_and_version_start_without_the_heavy_packages() -> None:
    code = (
        "import sys; from ui.cli.app import run; run(['search', '--help']);"
        "print([name for name in ('pandas', 'numba', 'streamlit', 'pyarrow', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.endswith("[]\n"), done.stdout + done.stderr


PEAK = """
import sys
from pathlib import Path
from drg import records
from drg.grouper.files import group_file

class Nothing:
    def write(self, results, rejections, notes):
        pass

group_file(records.read(sys.argv[1], batch_rows=10_000), Nothing(), "chs-drg-1.1")
status = Path("/proc/self/status").read_text()
print(int(status.split("VmHWM:")[1].split()[0]) // 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak of the memory from /proc")
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Five times the cases take at most 60 MB more."""
    peaks = []
    for count in (100_000, 500_000):
        path = tmp_path / f"{count}.parquet"
        ids = pa.array(np.arange(count)).cast(pa.string())
        codes = pa.array(["I21.001", "E11.900"] * count)
        dx = pa.ListArray.from_arrays(pa.array(np.arange(count + 1, dtype=np.int32) * 2), codes)
        pq.write_table(pa.table({"case_id": ids, "dx": dx}), path, row_group_size=50_000)
        done = subprocess.run([sys.executable, "-c", PEAK, path], capture_output=True, check=True)
        peaks.append(int(done.stdout))
    assert peaks[1] - peaks[0] < 60, peaks
