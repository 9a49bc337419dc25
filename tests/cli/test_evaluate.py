"""`vitscope evaluate`: what the options become, which data are taken, what is said; and tasks of the embedded world."""

from __future__ import annotations

import sys
import types
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import typer

from tests import evaluations
from tests.cli.conftest import one_sentence
from vitscope import catalog
from vitscope.cli import task_options, watch
from vitscope.errors import DataError, ModelError
from vitscope.store.reader import Cache


@dataclass
class Stand:
    """In place of vitscope.run.evaluate, which would import PyTorch: it remembers what it was asked for."""

    asked: list = field(default_factory=list)
    fails: dict = field(default_factory=dict)
    skipped: list = field(default_factory=list)
    measured: bool = True
    seconds: float = 2.0

    def evaluate(self, request, resources, cache, watcher):
        self.asked.append(types.SimpleNamespace(request=request, resources=resources, cache=cache))
        if request.model in self.fails:
            raise self.fails[request.model]
        watcher.progress(0, 2)
        watcher.progress(2, 2)
        watcher.progress(0, 5)
        watcher.progress(5, 5)
        run = evaluations.write(
            cache, request.task, {"purity": (np.array([0.1, 0.75, 0.5]), ("layer",))}, model=request.model
        )
        name = [request.task]
        return types.SimpleNamespace(
            folder=run.folder, images=7, used=7 - len(self.skipped), skipped=self.skipped, seconds=self.seconds,
            measured=name if self.measured else [], reused=[] if self.measured else name,
            stages={"decode": 6.0, "forward": 3.0, "metrics": 1.0}, decoders=0, missing=[1],
        )  # fmt: skip


@pytest.fixture
def stand(monkeypatch):
    stand = Stand()
    module = types.ModuleType("vitscope.run.evaluate")
    module.evaluate = stand.evaluate  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vitscope.run.evaluate", module)
    return stand


def test_defaults(vitscope, stand, tmp_path):
    done = vitscope("evaluate", "objects", "--model", "mae", "--data", tmp_path, "--cache", tmp_path / "cache")
    assert done.code == 0, done.err
    (asked,) = stand.asked
    assert vars(asked.request) == {
        "task": "objects",
        "model": "mae",
        "data": tmp_path,
        "checkpoint": None,
        "torchscript": "refuse",
        "dataset": None,
        "limit": None,
        "per_class": None,
        "image_size": None,
        "precision": "fp32",
        "preprocess": "paper",
        "protocol": "corrected",
        "options": {},
        "restart": False,
    }
    assert (asked.resources.device, asked.resources.batch_size, asked.resources.workers) == ("auto", None, None)
    (run,) = Cache(tmp_path / "cache").runs()
    assert done.out == f"{run.folder}\n"
    assert "mae: objects: purity 0.7500 at layer 2 of 3; in 2.0 s" in done.err
    assert f"vitscope show objects --model mae --cache {tmp_path / 'cache'}" in done.err
    assert f"vitscope show summary --model mae --cache {tmp_path / 'cache'}" in done.err


def test_every_common_option_arrives(vitscope, stand, tmp_path):
    options = (
        "--checkpoint w.pth --dataset imagenet --limit 9 --per-class 3 --image-size 224x448 --precision bf16 "
        "--protocol paper --preprocess model --restart --device cuda:1 --batch-size 4 --workers 0"
    )
    assert vitscope("evaluate", "clusters", "-m", "mae", "--data", tmp_path, *options.split()).code == 0
    request, resources = stand.asked[0].request, stand.asked[0].resources
    assert request.checkpoint == Path("w.pth")
    assert (request.dataset, request.limit, request.per_class, request.image_size) == ("imagenet", 9, 3, (224, 448))
    assert (request.precision, request.protocol, request.preprocess) == ("bf16", "paper", "model")
    assert request.restart
    assert (resources.device, resources.batch_size, resources.workers) == ("cuda:1", 4, 0)


@pytest.mark.parametrize("task", catalog.TASKS)
def test_workers_are_for_tasks_whose_images_are_extracted(vitscope, stand, tmp_path, task):
    asked = ("evaluate", task, "--model", "mae", "--data", tmp_path, "--cache", tmp_path / "cache")
    if hasattr(catalog.load("task", catalog.TASKS, task), "measure"):
        assert "--workers" in one_sentence(vitscope(*asked, "--workers", "2"))
        assert stand.asked == []
        vitscope("config", "workers", 2)  # which is for all commands
        assert not vitscope(*asked).err.startswith("vitscope: ")
    else:
        vitscope(*asked, "--workers", "2")
    assert stand.asked[0].resources.workers == 2


@pytest.mark.parametrize("shard", [(), ("--shard", "1/2")])
def test_what_limited_a_long_run_is_said(vitscope, stand, tmp_path, shard):
    asked = ("--model", "mae", "--data", tmp_path, "--cache", tmp_path / "cache", *shard)
    assert "decode" not in vitscope("evaluate", "objects", *asked).err
    stand.seconds = 60.0
    line = "mae: decode 60 % · forward 30 % · metrics 10 %: decoding limits"
    said = vitscope("evaluate", "objects", *asked).err.splitlines()
    assert line in said  # there is nothing to try
    assert f"{line}, try more --workers" in vitscope("evaluate", "clusters", *asked).err.splitlines()
    assert not any(words.startswith("stage ") for words in said)
    assert "forward         3.0   30 %" in vitscope("evaluate", "objects", "-v", *asked).err.splitlines()
    assert vitscope("evaluate", "objects", "-q", *asked).err == ""


@pytest.mark.parametrize(
    ("flags", "options"),
    [
        ("--k 5,10 --temperature 0.1 --tokens spatial", {"k": (5, 10), "temperature": 0.1, "tokens": "spatial"}),
        ("--crop-query --native", {"crop-query": True, "native": True}),
        ("--clusters 0 --not-dense", {"clusters": 0, "dense": False}),
        ("--mass 0.5 --threshold 0.25", {"mass": 0.5, "threshold": 0.25}),
        ("--sequences bear,camel --masks out", {"sequences": ("bear", "camel"), "masks": "out"}),
        ("--pairs 0 --split val", {"pairs": 0, "split": "val"}),
    ],
)
def test_options_of_tasks_arrive_as_they_call_them(vitscope, stand, tmp_path, flags, options):
    assert vitscope("evaluate", "objects", "-m", "mae", "--data", tmp_path, *flags.split()).code == 0
    assert stand.asked[0].request.options == options


def test_the_flags_are_the_options_of_all_tasks():
    """Called as the tasks call them, of the same type, and in the panel of exactly the tasks that understand them."""
    from vitscope.cli.app import app

    known: dict[str, set[str]] = {}
    for name in catalog.TASKS:
        for option in catalog.load("task", catalog.TASKS, name).options:
            known.setdefault(option, set()).add(name)
    flags = {
        parameter.opts[0].removeprefix("--"): set(parameter.rich_help_panel.split(", "))
        for parameter in typer.main.get_command(app).commands["evaluate"].params  # type: ignore[attr-defined]
        if (getattr(parameter, "rich_help_panel", None) or "").split(", ")[0] in catalog.TASKS
    }
    assert flags == known


@pytest.mark.parametrize("name", catalog.TASKS)
def test_tasks_keep_their_promises(name):
    kind = catalog.load("task", catalog.TASKS, name)
    assert kind.version >= 1
    assert hasattr(kind, "measure") or hasattr(kind, "compute")
    assert kind.best[1] in {"max", "min"}
    assert all(option.about and not option.about.endswith(".") for option in kind.options.values())
    assert set(catalog.TASKS[name].kinds) <= set(catalog.DATASETS)
    assert kind.__doc__


@pytest.mark.parametrize("text", ["", "0", "10,", "ten", "1.5", "-3"])
def test_numbers_of_neighbours(text):
    with pytest.raises(typer.BadParameter):
        task_options.whole_numbers(text)


def test_which_data_are_taken(vitscope, stand, tmp_path, monkeypatch):
    from vitscope.demo import tour

    monkeypatch.setattr(tour, "data_for", lambda task, cache, progress: Path("world") / task)
    done = vitscope("evaluate", "saliency", "--model", "mae")
    assert stand.asked[-1].request.data == Path("world/saliency")
    assert (
        "no --data and no setting data.partimagenet or data.coco: taking the partimagenet of the embedded" in done.err
    )
    assert vitscope("config", "data.coco", tmp_path).code == 0
    vitscope("evaluate", "saliency", "--model", "mae")
    assert stand.asked[-1].request.data == tmp_path
    vitscope("evaluate", "saliency", "--model", "mae", "--data", tmp_path / "here")
    assert stand.asked[-1].request.data == tmp_path / "here"
    vitscope("evaluate", "parts", "--model", "mae")
    assert stand.asked[-1].request.data == Path("world/parts")


def test_a_result_that_was_there(vitscope, stand, tmp_path):
    stand.measured = False
    done = vitscope("evaluate", "davis", "--model", "mae", "--data", tmp_path, "--masks", tmp_path / "masks")
    assert "evaluated before (--restart does it again)" in done.err
    assert "no masks were written: --restart writes them" in done.err


def test_skipped_files_are_named(vitscope, stand, tmp_path):
    stand.skipped = [{"file": f"bad{index}\x1b.jpg", "reason": "cut short"} for index in range(7)]
    done = vitscope("evaluate", "parts", "--model", "mae", "--data", tmp_path)
    assert done.err.count("skipped bad") == 5
    assert "and 2 more" in done.err
    assert "\x1b" not in done.err
    assert vitscope("evaluate", "parts", "-v", "--model", "mae", "--data", tmp_path).err.count("skipped bad") == 7
    assert vitscope("evaluate", "parts", "-q", "--model", "mae", "--data", tmp_path).err == ""


def test_another_total_is_another_stage(monkeypatch):
    """The pace of extracting vectors says nothing of that of computing with them."""
    now = iter([0.0, 40.0, 50.0, 100.0])
    monkeypatch.setattr(watch.time, "monotonic", lambda: next(now))
    said: list[str] = []
    lines = watch.Lines(types.SimpleNamespace(say=said.append), "mae", "steps")  # type: ignore[arg-type]
    for done, total in ((0, 100), (80, 100), (0, 10), (5, 10)):
        lines.progress(done, total)
    assert said == [
        "mae: 80 of 100 steps, 2.0 steps/s, 10.0 s left",
        "mae: 5 of 10 steps, 0.1 steps/s, 50.0 s left",
    ]


def test_several_models_in_turn(vitscope, stand, tmp_path):
    stand.fails = {"swin": ModelError("swin is no plain ViT.")}
    done = vitscope("evaluate", "parts", "--data", tmp_path, "-m", "mae", "-m", "swin", "-m", "dino")
    assert done.code == 1
    assert [asked.request.model for asked in stand.asked] == ["mae", "swin", "dino"]
    assert len(done.out.splitlines()) == 2
    assert "1 of 3 models failed: swin." in done.err
    stand.fails = {"mae": DataError("no such tree.")}
    one_sentence(vitscope("evaluate", "parts", "-q", "--data", tmp_path, "-m", "mae", "-m", "dino"))
    assert len(stand.asked) == 4


def test_wrong_usage(vitscope, stand, tmp_path):
    asked = ("--model", "mae", "--data", tmp_path)
    assert "no task is called 'kn'. Did you mean knn" in one_sentence(vitscope("evaluate", "kn", *asked))
    assert vitscope("evaluate", "knn", *asked, "--k", "x").code == 2
    assert vitscope("evaluate", "knn", *asked, "-m", "dino", "--checkpoint", "w.pth").code == 2
    assert vitscope("evaluate", "knn").code == 2
    assert stand.asked == []


def test_an_option_of_another_task_is_refused(vitscope, tmp_path):
    done = vitscope("evaluate", "knn", "-q", "--model", "demo-mae", "--data", tmp_path, "--mass", "0.5")
    assert "no option of knn is called '--mass'. " in one_sentence(done)
    assert "Known: --k, --temperature, --tokens." in done.err
    done = vitscope("evaluate", "knn", "-q", "--model", "demo-mae", "--data", tmp_path, "--tokens", "both")
    assert "--tokens of knn cannot be 'both': it is one of cls, spatial." in one_sentence(done)


def test_another_tree_is_a_sentence(vitscope, tmp_path):
    (tmp_path / "data").mkdir()
    for task in catalog.TASKS:
        done = vitscope(
            "evaluate", task, "-q", "--model", "demo-mae", "--data", tmp_path / "data", "--cache", tmp_path / "c"
        )
        assert str(tmp_path / "data") in one_sentence(done)
    assert not (tmp_path / "c").exists()


@pytest.mark.slow
def test_real_tasks_of_the_embedded_world(vitscope, tmp_path):
    """One task of units and one of vectors, evaluated, shown, and found again."""
    cache = ("--cache", tmp_path / "cache")
    models = ("--model", "demo-dino", "--model", "random")
    for task, few in (("spair", ("--limit", "2")), ("knn", ("--per-class", "1"))):
        done = vitscope("evaluate", task, *models, *cache, *few)
        assert done.code == 0, done.err
        assert "demo-dino: " in done.err
        assert "by chance, over 10 trials" in done.err
        again = vitscope("evaluate", task, *models, *cache, *few)
        assert again.err.count("evaluated before") == 2
        assert vitscope("show", task, *models, *cache).code == 0
    summary = vitscope("show", "summary", *models, *cache)
    assert summary.code == 0
    assert "the paper's Table 1 has no such model" in summary.out
    assert vitscope("show", "heads", "--model", "demo-dino", *cache).code == 1  # only vectors were extracted
