"""Every reader gives a value or one sentence for the corpus, and for damaged seeds: no traceback, no file elsewhere."""

from __future__ import annotations

import warnings
from random import Random

import hypothesis
import pytest
from hypothesis import strategies as st

from tests.fuzz import guard, mutate, readers

EXAMPLES = 8  # of a reader; of a slow one a quarter
REFUSED = {
    "davis-list/out": "is not the name of a video",
    "coco/out": "but must be the name of a file, without a folder",
    "spair/out": "but must be the name of a file, without a folder",
    "gnd/out": "must be the name of an image without a folder",
    "gnd/runs-code": "it uses GLOBAL",
    "torch-old/runs-code": "could run code",
    "lock/elsewhere": "is being written by process",
    "sealed-json/small": "is missing",
    "live-answers/one": "measured another model",
}
"""What is said of seeds that are to be refused."""
DAMAGED = ("found-",)
"""Seeds that crashed a reader once; whether they are taken or refused is for the reader to know."""
SEEDS = [f"{name}/{seed.removesuffix('.seed')}" for name in readers.READERS for seed in readers.seeds(name)]


@pytest.fixture(autouse=True, scope="module")
def rooms():
    """Readers have folders of their own, which go when all have read."""
    yield
    readers.clear()


def run(name: str, content: bytes) -> str:
    """What a reader says; what libraries warn of is not for this test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return readers.run(name, content)


@pytest.mark.parametrize("name", SEEDS)
def test_the_corpus(name):
    reader, _, seed = name.partition("/")
    said = run(reader, readers.seeds(reader)[f"{seed}.seed"])
    if not seed.startswith(DAMAGED):
        assert bool(said) is bool(REFUSED.get(name)), said
        assert REFUSED.get(name, "") in said


@pytest.mark.parametrize("name", readers.READERS)
def test_damaged_seeds(name):
    pool, reader = sorted(readers.seeds(name).values()), readers.READERS[name]

    @hypothesis.settings(max_examples=EXAMPLES // 4 if reader.slow else EXAMPLES, derandomize=True, database=None)
    @hypothesis.given(st.sampled_from(pool), st.integers(0, 2**32), st.binary(max_size=40))
    def check(seed, number, content):
        run(name, mutate.damaged(seed, Random(number), reader.mutate))
        if not reader.slow:
            run(name, content)

    check()


def test_every_reader_has_seeds_and_none_is_large():
    for name in readers.READERS:
        sizes = {seed: len(content) for seed, content in readers.seeds(name).items()}
        assert sizes
        assert max(sizes.values()) < 20_000, sizes
    assert {path.name for path in readers.CORPUS.iterdir()} == set(readers.READERS)


def test_every_refusal_has_its_seed():
    assert set(REFUSED) <= set(SEEDS)


def test_the_guard_sees_what_leaves_the_folder(tmp_path):
    inside = tmp_path / "in"
    inside.mkdir()
    (tmp_path / "outside").write_text("x")
    for leave in (
        lambda: (tmp_path / "new").write_text("x"),
        (tmp_path / "outside").read_text,
        (tmp_path / "outside").unlink,
    ):
        with pytest.raises(guard.Escape), guard.watched(inside):
            leave()
    with guard.watched(inside):
        (inside / "new").write_text("x")
