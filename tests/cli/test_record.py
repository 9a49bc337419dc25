"""`--log` keeps what was said, warned and broken; `--json` tells a script the same, line by line."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from tests import synthetic
from tests.cli.conftest import one_sentence
from tests.run import jobs
from vitscope.cli import record, watch
from vitscope.cli.talk import Talk
from vitscope.store import verify as verifying

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} (DEBUG|INFO|WARNING|ERROR) +\S.*")


@pytest.fixture
def store(tmp_path) -> Path:
    """Two small runs, to be written in."""
    folder = tmp_path / "cache"
    for model in ("mae", "dino"):
        synthetic.write(folder, layers=1, heads=1, grid=(2, 2), images=2, gallery=1, model=model)
    return folder


@pytest.fixture
def photographs(tmp_path) -> Path:
    """Five small pictures, and one that is none."""
    folder = jobs.pictures(tmp_path / "photographs", 5)
    (folder / "5.png").write_bytes(b"no picture")
    return folder


def events(text: str) -> list[dict]:
    """Lines of JSON, every one of which has to be one."""
    return [json.loads(line) for line in text.splitlines()]


def test_a_line_of_json_has_any_name_as_it_is_and_steers_nothing(monkeypatch, capsys):
    name = "c\x9b2J größe \udcff"  # the last is a byte that is no UTF-8, in the name of a folder
    monkeypatch.setattr(record, "_json", [True])
    record.emit("result", folder=name)
    said = capsys.readouterr().out
    assert said.isascii()
    assert events(said) == [{"event": "result", "folder": name}]


def test_a_log_of_a_run_explains_it_afterwards(vitscope, photographs, store, tmp_path):
    log = tmp_path / "log.txt"
    words = ["extract", "--model", "demo-mae", "--data", photographs, "--metrics", "distance", "--cache", store]
    first = vitscope(*words, "--quiet", "--log", log)
    assert (first.code, first.err) == (0, "")
    lines = log.read_text().splitlines()
    assert all(LINE.fullmatch(line) for line in lines), lines
    text = "\n".join(lines)
    for fact in ("torch ", "timm ", f"--data {photographs}", "5.png", "5 of 6 images", "forward", f"result: {store}"):
        assert fact in text, fact
    assert vitscope(*words, "--log", log).code == 0
    again = log.read_text().splitlines()
    assert again[: len(lines)] == lines
    assert "measured before" in "\n".join(again[len(lines) :])


def test_an_error_is_in_the_log(vitscope, store, tmp_path):
    log = tmp_path / "log.txt"
    done = vitscope("extract", "--model", "demo-mae", "--data", tmp_path / "nowhere", "--cache", store, "--log", log)
    sentence = one_sentence(done).removeprefix("vitscope: ")
    assert log.read_text().splitlines()[-1].endswith(f"ERROR   {sentence}")


def test_a_bug_leaves_its_traceback_in_the_log(vitscope, store, tmp_path, monkeypatch):
    def broken(folder: Path) -> list[str]:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(verifying, "verify", broken)
    log = tmp_path / "log.txt"
    with pytest.raises(ZeroDivisionError):
        vitscope("cache", "verify", "--cache", store, "--log", log)
    text = log.read_text()
    assert "Traceback" in text
    assert text.splitlines()[-1] == "ZeroDivisionError: a bug"
    assert not record.logged()


def test_a_crash_of_the_process_is_in_the_log(store, tmp_path):
    log = tmp_path / "log.txt"
    program = (
        "import os, signal\nfrom vitscope.store import verify\n"
        "verify.verify = lambda folder: os.kill(os.getpid(), signal.SIGSEGV)\n"
        "from vitscope.__main__ import main; main()"
    )
    words = ["cache", "verify", "--cache", str(store), "--log", str(log)]
    done = subprocess.run([sys.executable, "-c", program, *words], check=False, capture_output=True)
    assert done.returncode < 0
    assert "Segmentation fault" in log.read_text()


@pytest.mark.parametrize("where", ["no/where/log", ".", "/dev/null", "file/log"])
def test_a_log_that_cannot_be_written_is_said_before_anything_is_done(vitscope, store, tmp_path, monkeypatch, where):
    (tmp_path / "here" / "file").write_text("")
    monkeypatch.setattr(verifying, "verify", lambda folder: pytest.fail("it began"))
    said = one_sentence(vitscope("cache", "verify", "--cache", store, "--log", where))
    assert "--log" in said


def test_a_log_whose_disk_fills_up_does_not_end_the_run(vitscope, store, tmp_path, monkeypatch):
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    def fill(folder: Path) -> list[str]:
        for handler in record._log.handlers:
            handler.setStream(Full()).close()
        record.heard(20, "anything")
        return []

    monkeypatch.setattr(verifying, "verify", fill)
    done = vitscope("cache", "verify", "mae", "--cache", store, "--log", tmp_path / "log.txt")
    assert done.code == 0
    assert "the log cannot be written any more: No space left on device" in done.err


def test_no_secret_reaches_the_log(vitscope, store, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "my-own-secret")

    def say(folder: Path) -> list[str]:
        record.heard(40, "https://me:pass@hub/x my-own-secret Bearer abc.def hf_ABCDEFGHIJKLMNOP")
        return []

    monkeypatch.setattr(verifying, "verify", say)
    log = tmp_path / "log.txt"
    assert vitscope("cache", "verify", "mae", "--cache", store, "--log", log).code == 0
    assert "https://…@hub/x … Bearer … …" in log.read_text()
    assert not re.search("my-own|abc.def|hf_A|pass", log.read_text())


def test_what_libraries_warn_of_is_in_the_log_too(vitscope, store, tmp_path, monkeypatch):
    monkeypatch.setattr(warnings, "showwarning", before := lambda *_: None)

    def warn(folder: Path) -> list[str]:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning(UserWarning("odd"), UserWarning, "file.py", 7)
        return []

    monkeypatch.setattr(verifying, "verify", warn)
    log = tmp_path / "log.txt"
    vitscope("cache", "verify", "mae", "--cache", store, "--log", log)
    assert "WARNING UserWarning: odd (file.py:7)" in log.read_text()
    assert warnings.showwarning is before


def test_only_the_first_rank_records(vitscope, store, tmp_path, monkeypatch):
    monkeypatch.setattr(record.supervisor, "rank", lambda: 1)
    log = tmp_path / "log.txt"
    done = vitscope("cache", "verify", "--cache", store, "--log", log, "--json")
    assert not log.exists()
    assert "event" not in done.out


def test_json_lines_of_an_extraction(vitscope, photographs, store):
    words = ["extract", "--model", "demo-mae", "--data", photographs, "--metrics", "distance", "--cache", store]
    done = vitscope(*words, "--json")
    lines = events(done.out)
    assert [line["event"] for line in lines] == ["progress", "progress", "result"]
    assert [(line["done"], line["total"]) for line in lines[:2]] == [(0, 6), (6, 6)]
    assert set(lines[0]) == {"event", "run", "unit", "done", "total", "rate", "seconds_left"}
    assert lines[0]["rate"] is None
    assert (lines[1]["rate"] > 0, lines[1]["seconds_left"]) == (True, 0)
    result = lines[-1]
    assert (result["run"], result["images"], result["used"]) == ("demo-mae", 6, 5)
    assert [skipped["file"] for skipped in result["skipped"]] == ["5.png"]
    assert Path(result["folder"]).is_dir()
    assert set(result["stages"]) == {"decode", "copy", "forward", "metrics", "write", "idle"}
    again = events(vitscope(*words, "--json").out)
    assert (again[-1]["measured"], again[-1]["reused"]) == ([], ["distance"])


def test_json_lines_of_an_evaluation(vitscope, store):
    done = vitscope("evaluate", "davis", "--model", "demo-mae", "--data", "nowhere", "--cache", store, "--json")
    (line,) = events(done.out)
    assert done.err == f"vitscope: {line['message']}\n"
    assert (done.code, line["event"], line["exit_code"]) == (1, "error", 1)


def test_one_of_several_models_that_fails_is_named(vitscope, photographs, store):
    words = ["extract", "-m", "demo-mae", "-m", "nobody", "--data", photographs, "--metrics", "distance"]
    done = vitscope(*words, "--cache", store, "--json")
    lines = [line for line in events(done.out) if line["event"] != "progress"]
    assert [(line["event"], line.get("run")) for line in lines] == [
        ("result", "demo-mae"),
        ("error", "nobody"),
        ("error", None),
    ]
    assert done.code == lines[-1]["exit_code"] == 1


def test_json_lines_of_verify(vitscope, store):
    assert [line["event"] for line in events(vitscope("cache", "verify", "--cache", store, "--json").out)][-2:] == [
        "result",
        "result",
    ]
    (next(store.glob("mae-*")) / "distance@1" / "mean.npy").write_bytes(b"short")
    done = vitscope("cache", "verify", "--cache", store, "--json")
    found = [line for line in events(done.out) if line["event"] == "result"]
    assert [(line["run"].partition("-")[0], line["sound"]) for line in found] == [("dino", True), ("mae", False)]
    assert "mean.npy" in found[1]["problems"][0]
    assert (done.code, events(done.out)[-1]["event"]) == (1, "error")


def test_a_line_of_no_single_run_says_what_is_done(vitscope, store, tmp_path):
    def runs(*words: object) -> list[str | None]:
        return [line["run"] for line in events(vitscope("cache", *words, "--cache", store, "--json").out)]

    names = sorted(folder.name for folder in store.iterdir())
    *progress, first, second = runs("verify")
    assert (set(progress), [first, second]) == ({"verify"}, names)
    *progress, result = runs("export", "--to", tmp_path / "out", "--format", "npz")
    assert (set(progress), result) == ({"export"}, None)


def test_an_interruption_is_a_line_of_json(vitscope, store, monkeypatch):
    def stop(folder: Path) -> list[str]:
        raise KeyboardInterrupt

    monkeypatch.setattr(verifying, "verify", stop)
    done = vitscope("cache", "verify", "--cache", store, "--json")
    assert (done.code, events(done.out)[-1]["exit_code"]) == (130, 130)


def test_progress_is_told_now_and_then_and_at_the_ends_of_a_stage(monkeypatch, capsys):
    clock = iter([0.0, 0.0, 0.5, 0.5, 1.5, 1.5, 1.6, 1.6, 1.7, 1.7])
    monkeypatch.setattr(watch.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(record, "_json", [True])
    with watch.watch(Talk(quiet=True), "mae") as watcher:
        for done, total in ((2, 10), (3, 10), (5, 10), (10, 10), (0, 3)):
            watcher.progress(done, total)
    lines = events(capsys.readouterr().out)
    assert [(line["done"], line["total"], line["rate"]) for line in lines] == [
        (2, 10, None),
        (5, 10, 2.0),
        (10, 10, 5.0),
        (0, 3, None),
    ]
    assert lines[1]["seconds_left"] == 2.5
    assert os.environ.get("RANK") is None


def test_nothing_in_a_log_steers_the_terminal_that_shows_it(vitscope, store, tmp_path, monkeypatch):
    def say(folder: Path) -> list[str]:
        record.heard(40, "cat\x1b[2J.jpg\n2026-01-01T00:00:00+0000 INFO    forged")
        raise ZeroDivisionError("dog\x1b[2J.jpg")

    monkeypatch.setattr(verifying, "verify", say)
    log = tmp_path / "log.txt"
    with pytest.raises(ZeroDivisionError):
        vitscope("cache", "verify", "mae", "--cache", store, "--log", log)
    text = log.read_text()
    assert "\x1b" not in text
    assert "cat\ufffd[2J.jpg\ufffd2026" in text  # one line, not two
    assert "dog\ufffd[2J.jpg" in text


@pytest.mark.parametrize("option", ["--log", "--to"])
def test_a_home_that_there_is_not_is_a_folder_of_that_name(vitscope, store, tmp_path, option):
    words = ["--to", tmp_path / "out"] if option == "--log" else []
    said = one_sentence(vitscope("cache", "export", "--cache", store, *words, option, "~nobody-is-called-so/x"))
    assert "~nobody-is-called-so/x" in said
