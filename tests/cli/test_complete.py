"""Tab in a shell: what bash, zsh and fish are offered, asked as they ask."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests import synthetic
from vitscope import catalog

PROGRAM = (
    "import sys\nfrom vitscope.__main__ import main\n"
    "try:\n    main()\nfinally:\n    heavy = {'torch', 'timm', 'textual', 'matplotlib', 'sklearn'} & set(sys.modules)\n"
    "    print(sorted(heavy), file=sys.stderr)"
)


def asked(shell: str, line: str, home: str, **environment: str) -> list[str]:
    """The lines that a shell is answered when Tab is pressed at the end of `line`."""
    words = line.split(" ")
    said = {
        "_VITSCOPE_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_WORD_TO_COMPLETE": words[-1],
    }
    clean = {name: value for name, value in os.environ.items() if not name.startswith("VITSCOPE_")}
    places = {"VITSCOPE_CONFIG": f"{home}/config.toml", "XDG_CACHE_HOME": home}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**clean, **places, **said, **environment},
        cwd=home,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == "[]\n", done.stderr
    return [line for line in done.stdout.splitlines() if line]


def names(lines: list[str]) -> list[str]:
    """The words alone, whatever stands beside them."""
    return [line.split("\t")[0].split(":")[0].strip('"') for line in lines]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    for model in ("mae", "my-own"):
        synthetic.write(folder, layers=1, heads=1, grid=(2, 2), metrics=["distance"], model=model)
    return folder


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_is_offered_views_with_what_they_show(shell, tmp_path):
    lines = asked(shell, "vitscope show d", str(tmp_path))
    text = "\n".join(lines)
    for name in ("distance", "deviation", "davis"):
        assert name in text
    assert "aligned" not in text
    assert (catalog.VIEWS["distance"].about in text) == (shell != "bash")


@pytest.mark.parametrize(
    ("line", "offered", "not_offered"),
    [
        ("vitscope extract --model demo-m", {"demo-mae", "demo-moco"}, {"demo-fs", "mae"}),
        ("vitscope extract --model ", {"paper", "mae", "my-own", "random"}, set()),
        ("vitscope show heads --model m", {"mae", "my-own"}, {"moco", "mae-l16"}),
        ("vitscope browse m", {"mae", "my-own"}, {"moco", "mae-l16"}),
        ("vitscope evaluate s", {"spair", "saliency"}, {"knn"}),
        ("vitscope extract --dataset i", {"images", "imagenet"}, {"coco"}),
        ("vitscope extract --metrics distance,e", {"distance,entropy"}, {"entropy", "distance,distance"}),
        ("vitscope config data.i", {"data.images", "data.imagenet"}, {"device"}),
        ("vitscope models demo-b", {"demo-beit"}, {"demo-mae"}),
        ("vitscope cache ex", {"export"}, {"list"}),
    ],
)
def test_offers(store, tmp_path, line, offered, not_offered):
    found = set(names(asked("bash", line, str(tmp_path), VITSCOPE_CACHE=str(store))))
    assert offered <= found
    assert not not_offered & found


def test_runs_are_those_of_the_cache_named_on_the_line(store, tmp_path):
    for command in ("info", "verify", "remove", "export"):
        found = names(asked("bash", f"vitscope cache {command} --cache {store} m", str(tmp_path)))
        assert found[:2] == ["mae", "my-own"] or found[:2] == ["my-own", "mae"]
        assert {run.name for run in store.iterdir()} == set(found[2:])


def test_a_cache_that_cannot_be_read_offers_nothing_and_says_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    assert asked("bash", f"vitscope cache info --cache {tmp_path}/file ", str(tmp_path)) == []
    (tmp_path / "config.toml").write_text("= nonsense")
    assert asked("bash", "vitscope cache info ", str(tmp_path)) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell_asks_for_vitscope(shell, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "_VITSCOPE_COMPLETE": f"source_{shell}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"complete_{shell}" in done.stdout
    assert "vitscope" in done.stdout
