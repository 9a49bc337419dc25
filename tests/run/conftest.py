"""What the tests of extractions share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from tests.run import jobs
from tests.run.program import World, sentence_of, vitscope
from vitscope.run.request import Request
from vitscope.store.reader import Run
from vitscope.store.verify import verify


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other cost more than they bring with models this small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights for `jobs.MODEL`. Do not write to it."""
    return jobs.weights(tmp_path_factory.mktemp("weights") / "test_vit.safetensors")


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three shards of pictures. Do not write in it."""
    return jobs.pictures(tmp_path_factory.mktemp("pictures"), jobs.COUNT)


@pytest.fixture
def asked(pictures: Path, checkpoint: Path) -> Request:
    """All metrics of a model whose heads differ, over `pictures`."""
    return jobs.request(pictures, checkpoint=checkpoint)


@pytest.fixture(scope="module")
def everything(pictures: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """What `asked` asks for, measured at once."""
    return jobs.measured(jobs.request(pictures, checkpoint=checkpoint), tmp_path_factory.mktemp("cache"))[1]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(tmp_path_factory.mktemp("world"))
    jobs.weights(world.checkpoint)
    jobs.measured(jobs.request(jobs.pictures(world.data, 3), checkpoint=world.checkpoint), world.cache)
    return world


@pytest.fixture
def refused(world: World) -> Callable[..., str]:
    """The sentence with which an extraction into the cache of `world` is refused; the cache stays as it is."""

    def refused(*arguments: str | Path, model: str = jobs.MODEL, data: Path = world.data) -> str:
        before = world.files()
        given = ("extract", "--quiet", "--model", model, "--data", data, "--cache", world.cache, *arguments)
        sentence = sentence_of(*vitscope(*given))
        assert world.files() == before
        assert verify(jobs.only_run(world.cache)) == []
        return sentence

    return refused
