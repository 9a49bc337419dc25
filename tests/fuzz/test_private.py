"""Who may read what vitscope writes, what of secrets is kept, and whose code it runs."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile

import numpy as np
import pytest
from PIL import Image

from tests import synthetic
from tests.store import life
from vitscope import config
from vitscope.errors import ModelError, StoreError, WeightsError
from vitscope.geometry import Geometry
from vitscope.models import fit
from vitscope.models.layouts.base import Converted
from vitscope.models.names import Named
from vitscope.store.reader import Cache
from vitscope.store.writer import RunWriter
from vitscope.tui import memory
from vitscope.tui.live import Worker
from vitscope.tui.place import Known, resolved, spelled
from vitscope.tui.state import State

SECRETS = ("hf_NobodysToken123", "nobodys-password")


@pytest.fixture(params=[0o022, 0o077, 0o002], ids=oct)
def umask(request):
    """What the user lets others do."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_files_have_the_permissions_that_umask_leaves(umask, tmp_path, monkeypatch):
    monkeypatch.setenv("VITSCOPE_CONFIG", str(tmp_path / "settings" / "config.toml"))
    monkeypatch.setenv("VITSCOPE_STATE", str(tmp_path / "state"))
    synthetic.write(tmp_path / "cache", layers=1, heads=1, grid=(2, 2), gallery=0)
    RunWriter(tmp_path / "cache", life.SPEC, life.FACTS).put_shard(0, {"distance@1": life.state(0, "distance")}, {})
    config.set("workers", 2)
    memory.remember(tmp_path / "cache", memory.Memory("@runs"))
    made = sorted(tmp_path.rglob("*"))
    assert {"config.toml", "browser.json", "run.json", "mean.npy", "00000.json"} <= {path.name for path in made}
    for path in made:
        wanted = (0o777 if path.is_dir() else 0o666) & ~umask
        if path.name == "config.toml":
            wanted = 0o600  # settings are for their user alone
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


def test_pictures_of_a_live_image_are_for_their_user_alone(umask, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    worker = Worker()
    folder = worker._room()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    worker.close()
    assert not folder.exists()


def test_a_module_beside_the_data_does_not_run(tmp_path, monkeypatch):
    ran = tmp_path / "ran"
    for name in ("torch", "numpy", "vitscope", "json"):
        (tmp_path / f"{name}.py").write_text(f"open({str(ran)!r}, 'w').close()\n")
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(tmp_path / "one.png")
    synthetic.write(tmp_path / "cache", layers=1, heads=1, grid=(2, 2), gallery=0)
    run = Cache(tmp_path / "cache").runs()[0]
    monkeypatch.chdir(tmp_path)
    worker = Worker()
    try:
        with pytest.raises(ModelError, match="synthetic"):  # no model is called so: the process said it
            worker.look(run, tmp_path / "one.png", "cpu")
    finally:
        worker.close()
    assert not ran.exists()


def test_secrets_of_the_hub_are_in_no_message_and_no_log(tmp_path):
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(tmp_path / "one.png")
    given = {
        "HF_TOKEN": SECRETS[0],
        "HF_ENDPOINT": f"http://someone:{SECRETS[1]}@127.0.0.1:9",
        "HF_HOME": str(tmp_path),
    }
    runs = {"random/test_vit": 0, "hf-hub:nobody/nothing": 1}
    for model, code in runs.items():
        command = [sys.executable, "-m", "vitscope", "extract", "--model", model, "--data", str(tmp_path / "one.png")]
        command += ["--image-size", "32", "--metrics", "distance", "--workers", "0", "--verbose", "--json"]
        command += ["--cache", str(tmp_path / "cache"), "--log", str(tmp_path / "log")]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **given}, check=False)
        assert done.returncode == code, done.stderr
        said = [done.stdout, done.stderr, (tmp_path / "log").read_text()]
        said += [path.read_text() for path in (tmp_path / "cache").rglob("*.json")]
        assert len(said) > 3
        assert not [secret for secret in SECRETS for text in said if secret in text]


def test_a_description_of_a_larger_model_than_its_file_is_refused():
    with pytest.raises(WeightsError, match="describes a model of 85,7"):
        fit.check_room(Named("huge", "vit_base_patch16_224"), Converted({}), None, "the file")


def test_a_linked_folder_of_shards_is_not_written_to(tmp_path):
    writer = RunWriter(tmp_path / "cache", life.SPEC, life.FACTS)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "00000.json").write_text("mine")
    (writer.folder / "shards").symlink_to(elsewhere)
    with pytest.raises(StoreError, match="is a link"):
        writer.put_shard(0, {"distance@1": life.state(0, "distance")}, {})
    writer.drop_shards()
    assert {path.name: path.read_text() for path in elsewhere.iterdir()} == {"00000.json": "mine"}
    assert not (writer.folder / "shards").exists()


@pytest.mark.parametrize("model", ["what?", "a?side=1", "x@image?", "?"])
def test_a_place_finds_a_model_with_a_question_mark(model):
    known = [Known("odd-1234abcd", model, Geometry(2, 2, ("cls",), 2, 2, (8, 8)), 3)]
    state = State(trail=("runs", "overview", "head"), run="odd-1234abcd", layer=1, head=1)
    found = resolved(spelled(state, known), known, State())
    assert (found.run, found.layer, found.head) == ("odd-1234abcd", 1, 1)
