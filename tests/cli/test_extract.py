"""`vitscope extract`: what the options become, several models in turn, what is said; and one real run."""

from __future__ import annotations

import sys
import types
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests import synthetic
from tests.cli.conftest import one_sentence
from vitscope import catalog
from vitscope.cli.extract import _name
from vitscope.cli.options import image_size, metric_names
from vitscope.errors import DataError, ModelError, UnknownName
from vitscope.store.reader import Cache


@dataclass
class Stand:
    """In place of vitscope.run.extract, which would import PyTorch: it remembers what it was asked for."""

    asked: list = field(default_factory=list)
    fails: dict = field(default_factory=dict)
    skipped: list = field(default_factory=list)
    measured: tuple = ("attention", "distance")
    folder: Path | None = None
    seconds: float = 2.0
    stages: dict = field(default_factory=dict)
    decoders: int = 0

    def extract(self, request, resources, cache, watcher):
        self.asked.append(types.SimpleNamespace(request=request, resources=resources, cache=cache))
        watcher.progress(0, 4)
        if request.model in self.fails:
            raise self.fails[request.model]
        watcher.tell("run: somewhere")
        watcher.progress(4, 4)
        used = 4 - len(self.skipped)
        return types.SimpleNamespace(
            folder=self.folder or cache / request.model,
            images=4,
            used=used,
            skipped=self.skipped,
            seconds=self.seconds,
            measured=list(self.measured),
            reused=[],
            stages=self.stages,
            decoders=self.decoders,
            missing=[],
        )


@pytest.fixture
def stand(monkeypatch):
    stand = Stand()
    module = types.ModuleType("vitscope.run.extract")
    module.Request = types.SimpleNamespace  # type: ignore[attr-defined]
    module.extract = stand.extract  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vitscope.run.extract", module)
    return stand


def test_defaults(vitscope, stand, tmp_path):
    done = vitscope("extract", "--model", "mae", "--data", tmp_path, "--cache", tmp_path / "cache")
    assert done.code == 0
    assert done.out == f"{tmp_path / 'cache' / 'mae'}\n"
    (asked,) = stand.asked
    assert vars(asked.request) == {
        "model": "mae",
        "checkpoint": None,
        "torchscript": "refuse",
        "data": tmp_path,
        "dataset": "images",
        "limit": None,
        "per_class": None,
        "image_size": None,
        "gallery": 8,
        "precision": "fp32",
        "protocol": "corrected",
        "preprocess": "paper",
        "metrics": tuple(name for name, entry in catalog.METRICS.items() if entry.default),
        "restart": False,
    }
    assert asked.resources.device == "auto"
    assert asked.resources.batch_size is None
    assert asked.resources.workers is None


def test_every_option_arrives(vitscope, stand, tmp_path):
    options = (
        "--checkpoint w.pth --allow-torchscript --dataset images --limit 9 --per-class 3 --image-size 224x448 "
        "--gallery 0 --precision bf16 --protocol paper --preprocess model --metrics entropy,distance --restart "
        "--device cuda:1 --batch-size 4 --workers 0"
    )
    assert vitscope("extract", "-m", "mae", "--data", tmp_path, *options.split()).code == 0
    request, resources = stand.asked[0].request, stand.asked[0].resources
    assert (request.checkpoint, request.torchscript) == (Path("w.pth"), "known")
    assert (request.dataset, request.limit, request.per_class) == ("images", 9, 3)
    assert (request.image_size, request.gallery, request.precision) == ((224, 448), 0, "bf16")
    assert (request.protocol, request.preprocess) == ("paper", "model")
    assert (request.metrics, request.restart) == (("distance", "entropy"), True)
    assert (resources.device, resources.batch_size, resources.workers) == ("cuda:1", 4, 0)


def test_settings_stand_in_for_options_that_are_not_given(vitscope, stand, tmp_path, monkeypatch):
    for key, value in {"data.images": tmp_path, "device": "cpu", "batch_size": 3, "workers": 0}.items():
        assert vitscope("config", key, value).code == 0
    monkeypatch.setenv("VITSCOPE_PRECISION", "bf16")
    assert vitscope("extract", "--model", "mae", "--batch-size", "5").code == 0
    request, resources = stand.asked[0].request, stand.asked[0].resources
    assert (request.data, request.precision) == (tmp_path, "bf16")
    assert (resources.device, resources.batch_size, resources.workers) == ("cpu", 5, 0)


def test_what_was_done_and_what_to_type_next(vitscope, stand, tmp_path):
    stand.skipped = [{"file": f"bad{index}\x1b.jpg", "reason": "cut short"} for index in range(7)]
    stand.fails = {}
    done = vitscope("extract", "--model", "mae", "--data", tmp_path, "--cache", tmp_path / "my cache")
    assert done.err.count("skipped bad") == 5
    assert "and 2 more" in done.err
    assert "\x1b" not in done.err
    assert "2 metrics in 2.0 s" in done.err
    assert f"vitscope show heads --model mae --cache '{tmp_path}/my cache'" in done.err
    assert "vitscope browse mae --cache" in done.err
    verbose = vitscope("extract", "-v", "--model", "mae", "--data", tmp_path, "--cache", tmp_path / "c")
    assert verbose.err.count("skipped bad") == 7
    assert "measured: attention, distance" in verbose.err


def test_quiet_leaves_the_folder_alone(vitscope, stand, tmp_path):
    done = vitscope("extract", "--quiet", "--model", "mae", "--data", tmp_path, "--cache", tmp_path)
    assert (done.out, done.err) == (f"{tmp_path / 'mae'}\n", "")


@pytest.mark.parametrize(
    ("stages", "decoders", "said"),
    [
        ({"decode": 61.0, "forward": 30.0, "metrics": 9.0}, 0, "decoding limits, try more --workers"),
        ({"decode": 90.0, "forward": 60.0, "idle": 40.0}, 2, "mae: forward 60 % · idle 40 %: the model itself limits"),
        ({"decode": 90.0, "forward": 40.0, "idle": 60.0}, 2, "most often for decoding: try more --workers"),
        (
            {"forward": 40.0, "metrics": 59.8, "write": 0.2},
            0,
            "metrics 60 % · forward 40 %: the metrics limit, try fewer",
        ),
    ],
)
def test_what_limited_a_long_run_is_said(vitscope, stand, tmp_path, stages, decoders, said):
    stand.stages, stand.decoders = stages, decoders
    asked = ("extract", "--model", "mae", "--data", tmp_path, "--cache", tmp_path / "cache")
    assert "limits" not in vitscope(*asked).err
    stand.seconds = 100.0
    for words in (asked, (*asked, "--shard", "1/2")):
        (line,) = (line for line in vitscope(*words).err.splitlines() if "forward" in line)
        assert said in line
        assert vitscope(*words, "--quiet").err == ""
        table = [line.split()[0] for line in vitscope(*words, "--verbose").err.splitlines()]
        assert set(stages) < set(table)


def test_nothing_new_is_said_so(vitscope, stand, tmp_path):
    stand.measured = ()
    assert "nothing to do" in vitscope("extract", "--model", "mae", "--data", tmp_path).err


def test_a_model_that_fails_does_not_stop_the_others(vitscope, stand, tmp_path):
    stand.fails = {"swin": ModelError("swin is no plain ViT.")}
    asked = ["extract", "--data", tmp_path, "--cache", tmp_path]
    done = vitscope(*asked, "--model", "swin", "--model", "mae")
    assert done.code == 1
    assert done.out == f"{tmp_path / 'mae'}\n"
    assert "vitscope: swin: swin is no plain ViT." in done.err
    assert done.err.splitlines()[-1] == "vitscope: 1 of 2 models failed: swin."
    assert one_sentence(vitscope(*asked, "-q", "--model", "swin")) == "vitscope: swin is no plain ViT."


def test_images_that_are_wrong_are_wrong_for_every_model(vitscope, stand, tmp_path):
    stand.fails = {"mae": DataError("no images.")}
    one_sentence(vitscope("extract", "-q", "--data", tmp_path, "--model", "mae", "--model", "dino"))
    assert len(stand.asked) == 1


def test_ctrl_c_stops_all_models(vitscope, stand, tmp_path):
    stand.fails = {"mae": KeyboardInterrupt()}
    done = vitscope("extract", "--data", tmp_path, "--model", "mae", "--model", "dino")
    assert done.code == 130
    assert "run the same command again to go on" in done.err
    assert len(stand.asked) == 1


def test_the_kind_of_data_is_recognised_unless_it_is_said(vitscope, stand, tmp_path):
    (tmp_path / "train" / "ape").mkdir(parents=True)
    (tmp_path / "val").mkdir()
    asked = ["extract", "--model", "mae", "--data", tmp_path, "--cache", tmp_path / "cache"]
    assert vitscope(*asked).code == vitscope(*asked, "--dataset", "images").code == 0
    assert [(one.request.data, one.request.dataset) for one in stand.asked] == [
        (tmp_path, "imagenet"),
        (tmp_path, "images"),
    ]


def test_settings_stand_in_for_data_and_are_named(vitscope, stand, tmp_path, monkeypatch):
    asked = ["extract", "--model", "mae", "--cache", tmp_path / "cache"]
    monkeypatch.setenv("VITSCOPE_DATA_IMAGENET", "/data/imagenet")
    monkeypatch.setenv("VITSCOPE_DATA_COCO", "/data/coco")
    assert "no --data: taking /data/imagenet, as the setting data.imagenet says" in vitscope(*asked).err
    assert "taking /data/coco, as the setting data.coco says" in vitscope(*asked, "--dataset", "coco").err
    monkeypatch.setenv("VITSCOPE_DATA_IMAGES", "/photos")
    assert "taking /photos, as the setting data.images says" in vitscope(*asked).err
    found = [(str(one.request.data), one.request.dataset) for one in stand.asked]
    assert found == [("/data/imagenet", "imagenet"), ("/data/coco", "coco"), ("/photos", "images")]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--metrics", "entropie"], "no metric is called 'entropie'. Did you mean entropy?"),
        (["--dataset", "spare"], "no kind of data is called 'spare'. Did you mean spair?"),
    ],
)
def test_unknown_names_get_the_nearest(vitscope, stand, tmp_path, arguments, said):
    assert said in one_sentence(vitscope("extract", "--model", "mae", "--data", tmp_path, *arguments))


def test_one_checkpoint_is_for_one_model(vitscope, stand, tmp_path):
    done = vitscope("extract", "-m", "mae", "-m", "dino", "--checkpoint", "w.pth", "--data", tmp_path)
    assert done.code == 2
    assert stand.asked == []


def test_a_cache_that_is_lost_when_all_is_measured_takes_nothing_back(tmp_path):
    (tmp_path / "cache").touch()  # no folder to list
    assert _name("mae", tmp_path / "cache" / "mae-photos-12345678") == "mae-photos-12345678"


def test_metric_names_in_words():
    assert metric_names("all") == tuple(catalog.METRICS)
    default = metric_names("default")
    assert default == tuple(name for name, entry in catalog.METRICS.items() if entry.default)
    assert set(metric_names("default, head-deviation")) == {*default, "head-deviation"}
    assert metric_names("gallery, head-deviation") == ("head-deviation", "gallery")  # in the order of the catalog
    with pytest.raises(UnknownName):
        metric_names("default,nothing")


def test_image_sizes():
    assert image_size("224") == (224, 224)
    assert image_size("224x448") == image_size("224×448") == (224, 448)


@pytest.mark.slow
def test_a_real_run_can_be_shown(vitscope, photographs, tmp_path):
    model = "random/vit_tiny_patch16_224"
    asked = ["extract", "--model", model, "--data", photographs, "--cache", tmp_path / "cache", "--limit", "2"]
    done = vitscope(*asked, "--image-size", "64", "--device", "cpu", "--workers", "0")
    assert done.code == 0, done.err
    (run,) = Cache(tmp_path / "cache").runs()
    assert done.out == f"{run.folder}\n"
    assert run.complete
    assert vitscope("show", "heads", "--model", model, "--cache", tmp_path / "cache").code == 0
    assert "nothing to do" in vitscope(*asked, "--image-size", "64", "--device", "cpu", "--workers", "0").err


def test_what_to_type_next_shows_this_run_and_no_other(vitscope, stand, tmp_path):
    older = synthetic.write(tmp_path / "cache", model="mae", dataset="older", started="2025-01-01T00:00:00+00:00")
    newer = synthetic.write(tmp_path / "cache", model="mae", dataset="newer")
    for folder, name in ((newer, "mae"), (older, older.name)):
        stand.folder = folder
        done = vitscope("extract", "--model", "mae", "--data", tmp_path, "--cache", tmp_path / "cache")
        assert f"show heads --model {name} --cache" in done.err
        assert f"browse {name} --cache" in done.err
