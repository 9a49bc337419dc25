"""The process with the model that the browser asks: the same numbers as an extraction, cancelled, killed, misused."""

from __future__ import annotations

import io
import json
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

from vitscope.errors import DataError, ModelError, StoreError
from vitscope.models import build
from vitscope.run import live as server
from vitscope.run.extract import extract
from vitscope.run.request import Request
from vitscope.spec import Resources
from vitscope.store.reader import Cache
from vitscope.tui.live import Cancelled, Worker


class Silent:
    def tell(self, sentence):
        pass

    def warn(self, sentence):
        pass

    def progress(self, done, total):
        pass


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A run of demo-mae over two pictures, and the folder of these pictures."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for name in ("one.png", "two.png"):
        Image.fromarray(random.integers(0, 256, (90, 120, 3), dtype=np.uint8)).save(folder / name)
    cache = tmp_path_factory.mktemp("cache")
    request = Request(model="demo-mae", data=folder, metrics=("gallery",))
    extract(request, Resources(device="cpu"), cache, Silent())
    return Cache(cache).find("demo-mae"), folder


@pytest.fixture
def worker():
    """A worker that is closed in the end."""
    worker = Worker()
    yield worker
    worker.close()


def ask(measured, tmp_path, **changed):
    run, folder = measured
    fields = {
        "model": run.spec.model,
        "checkpoint": None,
        "weights": run.spec.weights,
        "image_size": list(run.spec.image_size),
        "precision": "fp32",
        "preprocess": run.spec.preprocess,
        "device": "cpu",
        "image": str(folder / "one.png"),
        "target": str(tmp_path),
    }
    return json.dumps({**fields, **changed})


def answers(*lines):
    """What the server says to some lines, in this process."""
    before, out = signal.getsignal(signal.SIGINT), io.StringIO()
    server.serve(io.StringIO("".join(f"{line}\n" for line in lines)), out, server.Server())
    assert signal.getsignal(signal.SIGINT) is before
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_an_image_looked_at_live_has_the_attention_and_the_crop_of_the_gallery(measured, worker):
    run, folder = measured
    names = run.result("gallery").coords["image"]
    for name in ("two.png", "one.png"):
        picture = worker.look(run, folder / name, "cpu")
        place = names.index(name)
        assert picture.name == name
        assert np.array_equal(picture.crop, run.array("gallery", "crop")[place])
        stored = np.asarray(run.array("gallery", "attention")[place], np.float32)
        assert np.abs(picture.attention.astype(np.float32) - stored).max() < 2e-3  # float16, other batch
        assert np.asarray(picture.attention, np.float64).sum(-1) == pytest.approx(1, abs=5e-3)
    assert worker.warm


def test_the_second_image_finds_the_model_warm_and_another_model_takes_its_place(measured, tmp_path, monkeypatch):
    built = []
    load = build.load
    monkeypatch.setattr(build, "load", lambda name, *more: built.append(name) or load(name, *more))
    second = str(measured[1] / "two.png")
    same, again, other, back = answers(
        ask(measured, tmp_path),
        ask(measured, tmp_path, image=second),
        ask(measured, tmp_path, model="demo-fs"),
        ask(measured, tmp_path),
    )
    assert same["attention"] != again["attention"]
    assert "not those that the run was measured with" in other["error"]
    assert np.array_equal(np.load(back["attention"]), np.load(same["attention"]))
    assert built == ["demo-mae", "demo-fs", "demo-mae"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"image": "/nowhere/x.png"}, "/nowhere/x.png cannot be looked at"),
        ({"model": "demo-none"}, "no model is called 'demo-none'"),
        ({"weights": "sha256:0"}, "are not those that the run was measured with"),
        ({"preprocess": "upside down"}, "which is none of this model's ways"),
        ({"device": "cuda:99"}, "cuda:99"),
        ({"checkpoint": "/nowhere/w.pth"}, "/nowhere/w.pth"),
        ({"image_size": [80]}, "image_size is a height and a width"),
    ],
)
def test_what_cannot_be_done_is_a_sentence_and_the_server_goes_on(measured, tmp_path, changed, said):
    wrong, right = answers(ask(measured, tmp_path, **changed), ask(measured, tmp_path))
    assert said in wrong["error"]
    assert "attention" in right


def test_weights_of_a_file_that_was_given_are_found_again(measured, worker, tmp_path, monkeypatch):
    state = load_file(build.PACKAGE / "demo/weights/demo-mae.safetensors")
    state["blocks.0.attn.qkv.weight"] *= 2  # other weights than those that the model's name stands for
    save_file(state, tmp_path / "mine.safetensors")
    monkeypatch.chdir(tmp_path)
    request = Request(model="demo-mae", checkpoint=Path("mine.safetensors"), data=measured[1], metrics=("gallery",))
    extract(request, Resources(device="cpu"), tmp_path / "cache", Silent())
    monkeypatch.chdir("/")
    run = Cache(tmp_path / "cache").find("demo-mae")
    picture = worker.look(run, measured[1] / "one.png", "cpu")
    stored = run.array("gallery", "attention")[run.result("gallery").coords["image"].index("one.png")]
    np.testing.assert_allclose(np.float32(picture.attention), np.float32(stored), atol=2e-3)
    with pytest.raises(ModelError, match="are not those that the run was measured with"):
        worker.look(replace(run, facts={**run.facts, "checkpoint": None}), measured[1] / "one.png", "cpu")


@pytest.mark.parametrize("line", ["", "nonsense", "[]", "{}", '{"model": 1}'])
def test_a_line_that_is_no_request_is_a_sentence(line):
    assert list(answers(line)[0]) == ["error"]


def test_a_file_that_is_not_there_is_said_without_starting_anything(measured, worker, tmp_path):
    with pytest.raises(DataError, match="is not a file"):
        worker.look(measured[0], tmp_path / "none.png")
    assert not worker.warm


def slow(tmp_path, *, deaf):
    """A process that never answers; `deaf`: nor does it listen to SIGINT."""
    script = tmp_path / "slow.py"
    ears = "signal.signal(signal.SIGINT, signal.SIG_IGN)" if deaf else ""
    script.write_text(
        f"import signal, sys, time\n{ears}\n"
        "for line in sys.stdin:\n"
        "    try:\n        time.sleep(60)\n"
        "    except KeyboardInterrupt:\n        print('{\"cancelled\": true}', flush=True)\n"
    )
    return Worker((sys.executable, str(script)))


@pytest.mark.parametrize("deaf", [False, True])
def test_cancel_works_even_when_the_process_does_not_listen(measured, tmp_path, monkeypatch, deaf):
    monkeypatch.setattr("vitscope.tui.live.PATIENCE", 0.3)
    worker = slow(tmp_path, deaf=deaf)
    threading.Timer(1.0, worker.cancel).start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        worker.look(measured[0], measured[1] / "one.png")
    assert time.monotonic() - began < 30
    assert worker.warm is not deaf
    worker.close()
    assert not worker.warm


def test_a_process_that_dies_is_a_sentence_and_the_next_request_starts_another(measured, tmp_path):
    worker = Worker((sys.executable, "-c", "import sys; sys.stdin.readline(); sys.exit(9)"))
    for _ in range(2):
        with pytest.raises(ModelError, match=r"ended by itself \(exit status 9\)"):
            worker.look(measured[0], measured[1] / "one.png")
        assert not worker.warm


def test_what_the_process_wrote_is_not_believed(measured, worker):
    run, folder = measured
    other = replace(run, geometry=replace(run.geometry, heads=3))
    with pytest.raises(StoreError, match="another model"):
        worker.look(other, folder / "one.png", "cpu")


def test_closing_removes_the_private_folder(measured, worker):
    worker.look(measured[0], measured[1] / "one.png", "cpu")
    folder = worker._folder
    assert folder.stat().st_mode & 0o077 == 0
    worker.close()
    assert not folder.exists()


def test_weights_that_were_given_as_a_file_are_found_again(measured, tmp_path, worker):
    weights = tmp_path / "mine.safetensors"
    weights.write_bytes((build.PACKAGE / "demo/weights/demo-mae.safetensors").read_bytes())
    request = Request(model="demo-mae", checkpoint=weights, data=measured[1], metrics=("gallery",))
    extract(request, Resources(device="cpu"), tmp_path / "cache", Silent())
    run = Cache(tmp_path / "cache").find("demo-mae")
    assert run.facts["checkpoint"]["path"] == str(weights)
    assert worker.look(run, measured[1] / "one.png", "cpu").name == "one.png"
    weights.unlink()
    again = Worker()
    with pytest.raises(ModelError, match=r"mine\.safetensors"):
        again.look(run, measured[1] / "one.png", "cpu")
    again.close()


def test_closing_gives_up_the_request_at_hand_and_takes_no_other(measured, tmp_path):
    worker = slow(tmp_path, deaf=True)
    threading.Timer(1.0, worker.close).start()
    for _ in range(2):
        with pytest.raises(Cancelled):
            worker.look(measured[0], measured[1] / "one.png")
    assert not worker.warm


def test_cancelled_before_the_process_listens_the_next_request_starts_another(measured):
    worker = Worker((sys.executable, "-c", "import time; time.sleep(60)"))  # as while PyTorch is imported
    for _ in range(2):
        threading.Timer(0.5, worker.cancel).start()
        with pytest.raises(Cancelled):
            worker.look(measured[0], measured[1] / "one.png")
        assert not worker.warm
    worker.close()


def test_without_pytorch_that_is_said(measured, monkeypatch):
    monkeypatch.setattr("vitscope.tui.live.find_spec", lambda _: None)
    with pytest.raises(ModelError, match="PyTorch is not installed"):
        Worker().look(measured[0], measured[1] / "one.png")
