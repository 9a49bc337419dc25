"""The program as a whole: help, versions, exit codes, where things are printed, interruption, closed pipes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import vitscope as package
from tests import synthetic
from tests.cli.conftest import one_sentence
from vitscope.__main__ import SPINS, main
from vitscope.cli import show
from vitscope.errors import VitscopeError

COMMANDS = ["extract", "show", "models", "browse", "cache", "config", "doctor"]


@pytest.mark.parametrize("asked", ["--help", "-h"])
def test_help_names_every_command_and_the_exit_codes(vitscope, asked):
    done = vitscope(asked)
    assert done.code == 0
    assert all(f" {command} " in done.out for command in COMMANDS)
    assert "130" in done.out


@pytest.mark.parametrize(
    "command", [*([name] for name in COMMANDS), *(["cache", n] for n in ("list", "info", "verify", "remove"))]
)
def test_every_command_has_help(vitscope, command):
    done = vitscope(*command, "--help")
    assert done.code == 0
    assert " ".join(["Usage: vitscope", *command]) in done.out
    assert done.err == ""


def test_version(vitscope):
    assert vitscope("--version").out == f"vitscope {package.__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["evaluate", "knn"],
        ["show"],
        ["show", "heads"],
        ["show", "heads", "--model", "mae", "--layer", "0"],
        ["show", "heads", "--model", "mae", "--format", "gif"],
        ["extract", "--data", "x"],
        ["extract", "--model", "mae", "--image-size", "big"],
        ["extract", "--model", "mae", "--protocol", "loose"],
        ["cache", "burn"],
    ],
)
def test_wrong_usage_is_exit_code_2_with_nothing_on_stdout_but_help(vitscope, arguments):
    done = vitscope(*arguments)
    assert done.code == 2
    assert "Traceback" not in done.err
    if arguments:
        assert done.out == ""
        assert "Usage:" in done.err


def test_ctrl_c_says_how_to_go_on(vitscope, cache, monkeypatch):
    monkeypatch.setattr(show, "_views", interrupted)
    done = vitscope("show", "heads", "--model", "synthetic", "--cache", cache)
    assert done.code == 130
    assert done.err == "vitscope: interrupted; what was finished is kept: run the same command again to go on\n"


def interrupted(*_):
    raise KeyboardInterrupt


def test_a_failure_is_a_sentence_even_when_quiet(vitscope, tmp_path):
    for where in (["--quiet", "show", "heads"], ["show", "heads", "--quiet"]):
        assert "no run of 'mae'" in one_sentence(vitscope(*where, "--model", "mae", "--cache", tmp_path / "empty"))


def test_a_bug_keeps_its_traceback(vitscope, cache, monkeypatch):
    def bug(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(show, "_views", bug)
    with pytest.raises(ZeroDivisionError):
        vitscope("show", "heads", "--model", "synthetic", "--cache", cache)


def test_sentences_cannot_steer_the_terminal(vitscope, cache, monkeypatch):
    def hostile(*_):
        raise VitscopeError("a file called \x1b[2Jevil.jpg")

    monkeypatch.setattr(show, "_views", hostile)
    assert "\x1b" not in one_sentence(vitscope("show", "heads", "--model", "synthetic", "--cache", cache))


def test_a_pipe_closed_early_is_quiet(cache):
    command = [sys.executable, "-m", "vitscope", "show", "attention", "--model", "synthetic", "--cache", cache]
    for form in ("csv", "table"):
        with subprocess.Popen([*command, "--format", form], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            assert process.stderr.read() == b""
        assert process.returncode == 0


@pytest.mark.parametrize("own", [None, "7"])
def test_threads_do_not_wait_awake_for_long(monkeypatch, own):
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    monkeypatch.setattr(sys, "argv", ["vitscope", "--version"])
    if own:
        monkeypatch.setenv("GOMP_SPINCOUNT", own)
    with pytest.raises(SystemExit):
        main()
    assert os.environ["GOMP_SPINCOUNT"] == (own or SPINS)
    monkeypatch.delenv("GOMP_SPINCOUNT")


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_pipe_closed_early_does_not_hide_what_was_found(tmp_path, form):
    (synthetic.write(tmp_path, layers=1, heads=1, grid=(2, 2)) / "run.json").write_text("{")
    command = [sys.executable, "-m", "vitscope", "cache", "verify", "--cache", str(tmp_path), *form]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert b"1 of 1 runs are damaged" in process.stderr.read()
    assert process.returncode == 1


@pytest.mark.parametrize("words", [["extract", "--model", "mae", "--data", ""], ["cache", "list", "--cache", ""]])
def test_an_empty_path_is_not_the_current_folder(vitscope, words):
    done = vitscope(*words)
    assert (done.code, "it is empty" in done.err) == (2, True)


HELP = """
import sys
from vitscope.cli import main
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("form", ["table", "csv"])
def test_a_full_disk_behind_stdout_is_a_sentence(cache, form):
    words = ["show", "distance", "--model", "synthetic", "--cache", str(cache), "--format", form]
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "vitscope", *words]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "cannot write the output: no space is left" in done.stderr


def test_help_starts_without_what_only_commands_need():
    done = subprocess.run([sys.executable, "-c", HELP, "--help"], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert loaded & {"numpy", "torch", "timm", "textual", "matplotlib", "plotext", "huggingface_hub", "PIL"} == set()
