"""The runner of tasks: numbers, kill and resume, reuse, skipped files, memory, options, several models."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.run import fakes, jobs
from vitscope import catalog
from vitscope.data.pixels import Unreadable, crop, decode
from vitscope.errors import BusyError, DataError, DeviceError, ModelError, TaskError, UnknownName
from vitscope.models import build
from vitscope.models.backbone import Backbone
from vitscope.run.evaluate import evaluate
from vitscope.run.request import Report, TaskRequest
from vitscope.spec import Resources
from vitscope.store.lock import lock
from vitscope.store.reader import Cache, Run, load_run
from vitscope.store.verify import verify
from vitscope.store.writer import RunWriter
from vitscope.tasks import Measured

PICTURES = 18  # five units


@pytest.fixture(autouse=True)
def _tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "TASKS", {**catalog.TASKS, **fakes.TASKS})
    monkeypatch.setattr(fakes.Width, "measured", [])


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """18 pictures, of which the sixth cannot be read. Do not write in it."""
    folder = jobs.pictures(tmp_path_factory.mktemp("some"), PICTURES)
    (folder / "005.png").write_bytes(b"no picture")
    return folder


@pytest.fixture
def forwards(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Images of every pass through a tapped model, as they go."""
    seen: list[int] = []
    run = Backbone.run

    def counted(self: Backbone, pixels: torch.Tensor, **how: object) -> None:
        seen.append(len(pixels))
        run(self, pixels, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(Backbone, "run", counted)
    return seen


def evaluated(
    asked: TaskRequest, cache: Path, listener: jobs.Listener | None = None, **resources: int
) -> tuple[Report, Run]:
    report = evaluate(asked, Resources(device="cpu", **resources), cache, listener or jobs.Listener())
    return report, load_run(report.folder)


def norms(folder: Path) -> np.ndarray:
    """The number of the task `width` by itself: one image after the other, all in float64 after the model."""
    model = build.load(jobs.UNTRAINED, None, (jobs.EDGE,) * 2)
    mean, std = (torch.tensor(each).reshape(3, 1, 1) for each in (model.mean, model.std))
    rows = []
    for path in sorted(folder.glob("*.png")):
        try:
            pixels = crop(decode(path), model.image_size)
        except Unreadable:
            continue
        image = (torch.from_numpy(pixels).permute(2, 0, 1).float() / 255 - mean) / std
        with torch.no_grad():
            layers = model.module.forward_intermediates(image[None], intermediates_only=True, output_fmt="NLC")
        rows.append([np.linalg.norm(tokens[0].double().mean(0).numpy()) for tokens in layers])
    return np.mean(rows, axis=0)


def test_numbers_and_what_the_run_says(some: Path, tmp_path: Path, forwards: list[int]) -> None:
    listener = jobs.Listener()
    report, run = evaluated(fakes.request(some), tmp_path, listener, batch_size=3)
    np.testing.assert_allclose(run.array("width", "norm"), norms(some), rtol=1e-5)
    assert sum(forwards) == PICTURES - 1  # each image once, for all layers
    assert max(forwards) == 3
    assert (report.measured, report.reused, report.used) == (["width"], [], PICTURES - 1)
    assert report.skipped == [{"file": "005.png", "reason": "no image, or its header is damaged"}]
    assert run.spec.task == "width"
    assert run.spec.settings == {"times": 1, "tokens": "spatial", "list": [1, 2]}
    assert run.folder.name.startswith("test_vit-width-some")
    assert run.facts["notes"][-2:] == ["a note of the data", f"{PICTURES - 1} pictures."]
    assert run.facts["counts"] == {"units": 5}
    assert run.facts["batch_size"] == 3
    assert run.facts["best"] == ["norm", "max"]
    assert listener.done[0] == (0, 5)
    assert listener.done[-1] == (5, 5)
    assert "a note of the data" in listener.told
    jobs.check_tidy(run)


def timed_by_a_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A unit of `width` takes 1 and 4 s of its own, 2 of decoding, 8 of the model; to keep it, 16."""
    now = [100.0]

    def spend(seconds: float) -> None:
        now[0] += seconds

    def measured(self: fakes.Width, unit: int, model: Backbone) -> Measured:
        spend(1)
        with model.timed("decode"):
            spend(2)
        with model.model.module.register_forward_pre_hook(lambda *_: spend(8)):
            pixels = torch.zeros(1, jobs.EDGE, jobs.EDGE, 3, dtype=torch.uint8)
            model.run(pixels, on_features=lambda layer, _: spend(0 if layer else 4))
        return Measured({"total": np.zeros(model.layers), "count": np.ones(1, int)})

    kept = RunWriter.put_shard
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(fakes.Width, "measure", measured)
    monkeypatch.setattr(RunWriter, "put_shard", lambda *given: spend(16) or kept(*given))


def stages_of(units: int) -> dict[str, float]:
    seconds = {"decode": 2, "copy": 0, "forward": 8, "metrics": 1 + 4, "write": 16, "idle": 0}
    return {name: units * each for name, each in seconds.items()}


def test_the_stages_of_units_are_told_apart(some: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    timed_by_a_clock(monkeypatch)
    report, run = evaluated(fakes.request(some), tmp_path)
    assert (report.stages, report.decoders) == (stages_of(5), 0)
    assert run.facts["passes"][-1]["stages"] == stages_of(5)
    assert evaluated(fakes.request(some), tmp_path)[0].stages == {}  # it was all there


def test_a_part_has_the_stages_of_its_own_units(some: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of five units it has three; who makes the results adds up all of them, but for what came after a last record."""
    timed_by_a_clock(monkeypatch)
    part = evaluate(fakes.request(some), Resources(device="cpu", shard=(1, 2)), tmp_path, jobs.Listener())
    assert part.stages == stages_of(3)
    whole, _ = evaluated(fakes.request(some), tmp_path)
    assert whole.stages == {**stages_of(5), "write": 4 * 16}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "few"),
    [
        ("davis", {"limit": 1}),
        ("spair", {"limit": 2}),
        ("saliency", {"limit": 2}),
        ("objects", {"limit": 4, "options": {"clusters": 2}}),
        ("parts", {"limit": 4, "options": {"clusters": 2, "dense": False}}),
    ],
)
def test_every_task_tells_decoding_from_the_model(
    world_tree: Callable[[str], Path], tmp_path: Path, task: str, few: dict[str, Any]
) -> None:
    data = world_tree(catalog.TASKS[task].kinds[0])
    report, _ = evaluated(TaskRequest(task=task, model="demo-mae", data=data, **few), tmp_path)
    assert all(report.stages[name] > 0 for name in ("decode", "forward", "metrics", "write"))


def test_stages_of_a_task_of_vectors_are_those_of_its_extractions(some: Path, tmp_path: Path) -> None:
    asked = fakes.request(some, task="apart")
    report, run = evaluated(asked, tmp_path, workers=1)
    assert report.decoders == run.facts["passes"][-1]["decoders"] == 1
    assert report.stages == run.facts["passes"][-1]["stages"]
    for name in ("decode", "forward", "write"):
        made = [found.facts["passes"][-1]["stages"][name] for found in Cache(tmp_path).runs() if not found.spec.task]
        assert 0 < sum(made) <= report.stages[name] + 0.001
    report, _ = evaluated(fakes.request(some, task="apart", restart=True), tmp_path)
    assert (report.stages["decode"], report.stages["forward"], report.decoders) == (0, 0, 0)


@pytest.mark.parametrize("unit", [0, 2, 4])
def test_killed_between_units_it_goes_on_at_the_first_unfinished(some: Path, tmp_path: Path, unit: int) -> None:
    asked = fakes.request(some)
    process = jobs.start(fakes.killed_at, unit, asked, tmp_path / "killed")
    assert jobs.exit_code(process) == -signal.SIGKILL
    (broken,) = Cache(tmp_path / "killed").runs()
    assert not broken.complete
    assert set(jobs.committed(tmp_path / "killed")) == set(range(unit))
    listener = jobs.Listener()
    _, run = evaluated(asked, tmp_path / "killed", listener)
    assert fakes.Width.measured == list(range(unit, 5))
    assert listener.done[0] == (unit, 5)
    assert any("going on" in told for told in listener.told) == (unit > 0)
    _, whole = evaluated(asked, tmp_path / "whole")
    assert jobs.contents(run) == jobs.contents(whole)
    jobs.check_tidy(run)


def test_a_finished_result_is_reused(some: Path, tmp_path: Path, forwards: list[int]) -> None:
    first, run = evaluated(fakes.request(some), tmp_path)
    before = jobs.files_of(run, "width")
    forwards.clear()
    report, again = evaluated(fakes.request(some), tmp_path)
    assert (report.measured, report.reused) == ([], ["width"])
    assert (report.folder, report.used, report.skipped) == (first.folder, first.used, first.skipped)
    assert forwards == []
    assert jobs.files_of(again, "width") == before
    assert again.facts == run.facts
    fresh, _ = evaluated(fakes.request(some, restart=True), tmp_path)
    assert fresh.measured == ["width"]
    assert sum(forwards) == PICTURES - 1


def test_other_settings_another_run(some: Path, tmp_path: Path) -> None:
    _, once = evaluated(fakes.request(some), tmp_path)
    _, twice = evaluated(fakes.request(some, options={"times": 2}), tmp_path)
    _, few = evaluated(fakes.request(some, limit=3), tmp_path)
    _, paper = evaluated(fakes.request(some, protocol="paper"), tmp_path)
    assert len({run.folder for run in (once, twice, few, paper)}) == 4
    np.testing.assert_allclose(twice.array("width", "norm"), 2 * once.array("width", "norm"), rtol=1e-12)


def test_a_damaged_unit_is_measured_again(some: Path, tmp_path: Path) -> None:
    asked = fakes.request(some)
    assert jobs.exit_code(jobs.start(fakes.killed_at, 3, asked, tmp_path)) == -signal.SIGKILL
    (state,) = tmp_path.glob("*/shards/00001-*.safetensors")
    content = bytearray(state.read_bytes())
    content[-1] ^= 1
    state.write_bytes(content)
    evaluated(asked, tmp_path)
    assert fakes.Width.measured == [1, 3, 4]


def test_killed_after_its_result_was_written(some: Path, tmp_path: Path) -> None:
    _, run = evaluated(fakes.request(some), tmp_path)
    RunWriter(tmp_path, run.spec, {}).update(finished=None)
    report, again = evaluated(fakes.request(some), tmp_path)
    assert report.reused == ["width"]
    assert again.complete
    assert verify(again) == []


def test_options_are_checked(some: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"no option of width is called '--time'. Did you mean --times or --tokens\?"):
        evaluated(fakes.request(some, options={"time": 2}), tmp_path)
    with pytest.raises(TaskError, match="--tokens of width cannot be 'both': it is one of cls, spatial"):
        evaluated(fakes.request(some, options={"tokens": "both"}), tmp_path)
    with pytest.raises(TaskError, match="apart has no options of its own: leave out --times"):
        evaluated(fakes.request(some, task="apart", options={"times": 2}), tmp_path)
    with pytest.raises(UnknownName, match=r"no task is called 'widht'\. Did you mean width"):
        evaluated(fakes.request(some, task="widht"), tmp_path)
    with pytest.raises(TaskError, match="width makes its own crops: leave out --preprocess model"):
        evaluated(fakes.request(some, preprocess="model"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_tree_is_read_before_a_model_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "load", lambda *_: pytest.fail("a model was loaded"))
    with pytest.raises(DataError):
        evaluated(fakes.request(tmp_path / "nowhere"), tmp_path)


def test_nothing_that_can_be_read_is_tried_again_next_time(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"")
    with pytest.raises(DataError, match="no picture could be read"):
        evaluated(fakes.request(folder), tmp_path / "cache")
    assert jobs.committed(tmp_path / "cache") == {}


def test_somebody_else_is_at_it(some: Path, tmp_path: Path) -> None:
    _, run = evaluated(fakes.request(some), tmp_path)
    with lock(run.folder), pytest.raises(BusyError):
        evaluated(fakes.request(some), tmp_path)


def short_of_memory(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """A device that holds `most` images."""
    run = Backbone.run

    def refusing(self: Backbone, pixels: torch.Tensor, **how: object) -> None:
        if len(pixels) > most:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        run(self, pixels, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(Backbone, "run", refusing)


def test_a_batch_that_does_not_fit_is_halved_and_said(
    some: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, whole = evaluated(fakes.request(some), tmp_path / "whole")
    short_of_memory(monkeypatch, 1)
    listener = jobs.Listener()
    _, run = evaluated(fakes.request(some), tmp_path / "short", listener, batch_size=4)
    assert [warning.split(": ")[1] for warning in listener.warned] == [
        "passes of 2 images now",
        "passes of 1 images now",
    ]
    assert run.facts["batch_size"] == 1
    np.testing.assert_allclose(run.array("width", "norm"), whole.array("width", "norm"), rtol=1e-5)


def test_one_image_that_does_not_fit_is_a_sentence(some: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short_of_memory(monkeypatch, 0)
    with pytest.raises(DeviceError, match="too little memory"):
        evaluated(fakes.request(some), tmp_path, batch_size=2)


def test_other_errors_of_torch_are_not_taken_for_memory(
    some: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Backbone, pixels: torch.Tensor, **how: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Backbone, "run", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        evaluated(fakes.request(some), tmp_path)


@pytest.mark.parametrize(("task", "kind"), [("knn", "coco"), ("retrieval", "nonsense"), ("width", "imagenet")])
def test_a_kind_of_data_that_the_task_is_not_for_is_refused(some: Path, tmp_path: Path, task: str, kind: str) -> None:
    wanted = " or ".join(catalog.TASKS[task].kinds)
    with pytest.raises(TaskError, match=f"--dataset {kind}: {task} is evaluated on {wanted}"):
        evaluated(fakes.request(some, task=task, dataset=kind), tmp_path)
    assert evaluated(fakes.request(some, dataset="images"), tmp_path)[0].measured == ["width"]


def test_activations_that_overflow_are_no_result(some: Path, tmp_path: Path, checkpoint: Path) -> None:
    from safetensors.torch import load_file, save_file

    state = load_file(checkpoint)
    for name in ("attn.proj.bias", "mlp.fc2.bias"):  # each of them a number, their sum none
        state[f"blocks.5.{name}"] = torch.full_like(state[f"blocks.5.{name}"], 3e38)
    save_file(state, tmp_path / "large.safetensors")
    with pytest.raises(ModelError, match="tokens are not finite"):
        evaluated(fakes.request(some, checkpoint=tmp_path / "large.safetensors"), tmp_path / "cache")


def test_vectors_come_from_one_extraction_of_every_set(some: Path, tmp_path: Path) -> None:
    report, run = evaluated(fakes.request(some, task="apart"), tmp_path)
    assert report.skipped == [{"file": "005.png", "reason": "no image, or its header is damaged"}]
    assert (report.images, report.used) == (PICTURES, PICTURES - 1)
    assert run.facts["counts"] == {"first": 9, "second": 9, "images": 18}
    extractions = [found for found in Cache(tmp_path).runs() if not found.spec.task]
    assert len(extractions) == 2
    assert all(list(found.results()) == ["vectors"] for found in extractions)
    np.testing.assert_allclose(run.array("apart", "distance"), distances(some), rtol=2e-3)
    assert run.spec.preprocess == extractions[0].spec.preprocess


def distances(folder: Path) -> np.ndarray:
    """The number of the task `apart` by itself."""
    model = build.load(jobs.UNTRAINED, None, (jobs.EDGE,) * 2)
    mean, std = (torch.tensor(each).reshape(3, 1, 1) for each in (model.mean, model.std))
    halves: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for place, path in enumerate(sorted(folder.glob("*.png"))):
        if place == 5:
            continue
        image = (torch.from_numpy(crop(decode(path), model.image_size)).permute(2, 0, 1).float() / 255 - mean) / std
        with torch.no_grad():
            layers = model.module.forward_intermediates(
                image[None], intermediates_only=True, output_fmt="NLC", return_prefix_tokens=True
            )
        halves[place >= PICTURES // 2].append(np.stack([prefix[0, 0].double().numpy() for _, prefix in layers]))
    return np.linalg.norm(np.mean(halves[0], axis=0) - np.mean(halves[1], axis=0), axis=1)


def test_vectors_that_are_there_are_not_extracted_again(
    some: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, run = evaluated(fakes.request(some, task="apart"), tmp_path)
    from vitscope.run.measure import Pass

    monkeypatch.setattr(Pass, "run", lambda *_: pytest.fail("an image went through the model"))
    shutil.rmtree(run.folder)
    report, again = evaluated(fakes.request(some, task="apart"), tmp_path)
    assert report.measured == ["apart"]
    assert np.array_equal(again.array("apart", "distance"), run.array("apart", "distance"))
    assert evaluated(fakes.request(some, task="apart"), tmp_path)[0].reused == ["apart"]


def test_several_models_share_a_cache(some: Path, tmp_path: Path, checkpoint: Path) -> None:
    evaluated(fakes.request(some), tmp_path)
    evaluated(fakes.request(some, checkpoint=checkpoint), tmp_path)
    store = Cache(tmp_path)
    first, second = (store.find(model, "width") for model in (jobs.UNTRAINED, jobs.MODEL))
    assert first.spec.images == second.spec.images
    assert not np.allclose(first.array("width", "norm"), second.array("width", "norm"))


def test_what_a_task_extracted_hides_no_extraction(some: Path, tmp_path: Path) -> None:
    asked = jobs.request(jobs.pictures(tmp_path / "other", 2), metrics=("distance",))
    _, run = jobs.measured(asked, tmp_path / "cache")
    evaluated(fakes.request(some, task="apart"), tmp_path / "cache")
    assert Cache(tmp_path / "cache").find(jobs.UNTRAINED).folder == run.folder


def test_pictures_of_another_size_and_precision(tmp_path: Path) -> None:
    Image.new("RGB", (300, 40), "red").save(tmp_path / "long.png")
    _, full = evaluated(fakes.request(tmp_path), tmp_path / "cache")
    _, half = evaluated(fakes.request(tmp_path, precision="bf16"), tmp_path / "cache")
    assert full.folder != half.folder
    np.testing.assert_allclose(half.array("width", "norm"), full.array("width", "norm"), rtol=0.05)
