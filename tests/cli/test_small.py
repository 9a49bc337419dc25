"""The small commands: models, config, doctor, browse; and how progress is said."""

from __future__ import annotations

import sys
import types
from inspect import signature

import pytest
from huggingface_hub import constants

from tests.cli.conftest import one_sentence
from vitscope.cli import watch as watching
from vitscope.cli.doctor import doctor as doctor_command
from vitscope.cli.extract import extract
from vitscope.cli.talk import Talk
from vitscope.run import doctor
from vitscope.run.check import Check
from vitscope.run.request import Report, Request


def test_config_sets_prints_and_takes_out(vitscope, tmp_path, monkeypatch):
    assert "not set" in one_sentence(vitscope("config", "data.images"))
    done = vitscope("config", "data.images", "photos")
    assert (done.code, done.out) == (0, "")
    assert str(tmp_path / "config.toml") in done.err
    assert vitscope("config", "data.images").out == f"{tmp_path / 'here' / 'photos'}\n"
    assert str(tmp_path / "here" / "photos") in vitscope("config").out
    monkeypatch.setenv("VITSCOPE_DATA_IMAGES", "/elsewhere")
    assert vitscope("config", "data.images").out == "/elsewhere\n"
    for asked in (["config", "data.images"], ["config"]):
        said = vitscope(*asked, "--verbose").err.splitlines()
        assert "data.images is set in $VITSCOPE_DATA_IMAGES" in said
        assert "data.images is set in" not in vitscope(*asked).err
    assert "stands above" in vitscope("config", "data.images", "photos").err
    monkeypatch.delenv("VITSCOPE_DATA_IMAGES")
    assert vitscope("config", "data.images", "-v").err == f"data.images is set in {tmp_path / 'config.toml'}\n"
    assert vitscope("config", "data.images", "").code == 0
    assert vitscope("config", "data.images").code == 1


@pytest.mark.parametrize("arguments", [["colour"], ["colour", "red"], ["device", "toaster"], ["batch_size", "many"]])
def test_config_refuses_what_it_does_not_know(vitscope, arguments):
    one_sentence(vitscope("config", *arguments))


def test_a_broken_config_file_is_one_sentence_for_every_command(vitscope, tmp_path):
    (tmp_path / "config.toml").write_text("= nonsense")
    for command in (["config"], ["cache", "list"], ["models"], ["show", "heads", "--model", "mae"]):
        assert "config.toml" in one_sentence(vitscope(*command))


@pytest.fixture
def no_torch(monkeypatch):
    """The doctor without PyTorch, which takes seconds to import."""
    monkeypatch.setattr(doctor, "_torch", lambda: iter([Check("PyTorch", "ok", "not looked at")]))


def test_doctor_looks_at_everything(vitscope, cache, no_torch):
    done = vitscope("doctor", "--cache", cache)
    assert (done.code, done.err) == (0, "")
    assert all(f" {name} " in done.out for name in ("vitscope", "PyTorch", "memory", "weights", "terminal", "settings"))
    assert f"{cache}: 3 runs" in done.out
    assert "problem" not in done.out


def test_doctor_finds_problems_and_says_what_to_do(vitscope, tmp_path, no_torch):
    file = tmp_path / "file"
    file.write_text("")
    done = vitscope("doctor", "--cache", file)
    assert done.code == 1
    assert "problem  cache" in done.out
    assert done.err == "vitscope: 1 problem found; see above for what to do.\n"
    (tmp_path / "config.toml").write_text("= nonsense")
    assert "problem  settings" in vitscope("doctor").out


def test_doctor_says_where_a_setting_comes_from(vitscope, tmp_path, no_torch, monkeypatch):
    vitscope("config", "workers", 3)
    monkeypatch.setenv("VITSCOPE_CACHE", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("COLUMNS", "1000")
    said = vitscope("doctor").out
    assert f"{tmp_path / 'config.toml'}: workers = 3; $VITSCOPE_CACHE: cache = {tmp_path / 'elsewhere'}" in said


def test_doctor_tries_what_extract_would_do(vitscope, tmp_path, no_torch, monkeypatch):
    """The same words ask both for the same; only what changes neither the run nor its cost is extract's alone."""
    asked = []
    report = Report(folder=tmp_path, images=4, used=4, skipped=[], seconds=1.0, measured=[], reused=[])
    for name, answer in (("preview", ()), ("extract", report)):
        fake = types.ModuleType(f"vitscope.run.{name}")
        fake.Request = Request  # type: ignore[attr-defined]
        setattr(fake, name, lambda *given, answer=answer: asked.append(given[:3]) or answer)
        monkeypatch.setitem(sys.modules, fake.__name__, fake)
    words = (
        "--model mae --checkpoint w.pth --allow-torchscript --dataset images --limit 9 --per-class 3 --image-size 64 "
        "--gallery 0 --precision bf16 --protocol paper --preprocess model --metrics entropy,distance --device cuda:1 "
        "--batch-size 4 --workers 0"
    )
    for command in ("doctor", "extract"):
        assert vitscope(command, *words.split(), "--data", tmp_path, "--cache", tmp_path / "cache").code == 0
    assert asked[0] == asked[1]
    options = set(signature(extract).parameters) - set(signature(doctor_command).parameters)
    assert options == {"restart", "shard", "log", "lines"}


def test_doctor_notes(vitscope, tmp_path, no_torch, monkeypatch):
    vitscope("config", "data.images", tmp_path / "gone")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    done = vitscope("doctor", "--cache", tmp_path)
    assert done.code == 0
    assert "HF_HUB_OFFLINE is set" in done.out
    assert "data.images is no folder" in done.out


@pytest.mark.parametrize(
    ("term", "tty", "depth", "state"),
    [
        ("dumb", True, "none", "problem"),
        ("xterm", True, "none", "note"),
        ("xterm-256color", True, "256", "ok"),
        ("xterm-256color", True, "true", "ok"),
        ("xterm", False, "none", "note"),
    ],
)
def test_doctor_knows_terminals(monkeypatch, term, tty, depth, state):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", term)
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: tty)
    check = next(iter(doctor._terminal(depth)))
    assert check.state == state
    assert f"TERM={term}" in check.found


def test_browse_wants_a_terminal(vitscope, cache):
    assert "vitscope show VIEW" in one_sentence(vitscope("browse", "--cache", cache))


def test_browse_draws_on_stderr(vitscope, cache, monkeypatch):
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    assert "draws on stderr" in one_sentence(vitscope("browse", "--cache", cache))


def test_browse_refuses_a_terminal_that_cannot_place_text(vitscope, cache, monkeypatch):
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    done = vitscope("browse", "--cache", cache)
    assert done.code == 1
    assert "TERM=dumb" in done.err


@pytest.mark.parametrize("option", ["--fresh", "--no-mouse"])
def test_a_picture_takes_no_option_of_a_terminal(vitscope, cache, tmp_path, option):
    given = ("browse", "--cache", cache, "--screenshot", tmp_path / "page.txt")
    assert option in one_sentence(vitscope(*given, option))
    assert not (tmp_path / "page.txt").exists()


@pytest.mark.parametrize(
    "words",
    [["mae"], ["--cache", "here"], ["--fresh"], ["--theme", "dark"], ["--no-mouse"], ["--screenshot", "a.txt"],
     ["--keys", "l"], ["--size", "80x24"]],
)  # fmt: skip
def test_the_list_of_keys_is_asked_for_alone(vitscope, words):
    assert "--list-keys" in one_sentence(vitscope("browse", "--list-keys", *words))


def test_browse_opens_the_cache_at_the_place(vitscope, cache, monkeypatch):
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    opened = []
    start = types.ModuleType("vitscope.tui.start")
    start.browse = lambda folder, place, **_: opened.append((folder, place))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vitscope.tui.start", start)
    assert vitscope("browse", "synthetic/2/3", "--cache", cache).code == 0
    assert vitscope("browse", "--cache", cache).code == 0
    assert opened == [(cache, "synthetic/2/3"), (cache, None)]


def test_progress_in_a_log_file_is_a_line_now_and_then(monkeypatch, capsys):
    clock = iter([0.0, 10.0, 40.0, 50.0])
    monkeypatch.setattr(watching.time, "monotonic", lambda: next(clock))
    with watching.watch(Talk(), "mae") as watcher:
        for done in (100, 110, 180, 190):
            watcher.progress(done, 500)
    assert capsys.readouterr().err == "mae: 180 of 500 images, 2.0 images/s, 2 min 40 s left\n"


def test_progress_on_a_terminal_is_a_bar(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with watching.watch(Talk(), "mae") as watcher:
        watcher.tell("run: here")
        watcher.progress(0, 4)
        watcher.progress(4, 4)
    said = capsys.readouterr().err
    assert "run: here" in said
    assert "4 of 4" in said
    with watching.watch(Talk(quiet=True), "mae") as watcher:
        watcher.tell("run: here")
        watcher.progress(0, 4)
    assert capsys.readouterr().err == ""
