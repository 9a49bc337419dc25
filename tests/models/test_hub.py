"""What the Hugging Face Hub answers instead of weights is one sentence with the next step; what it gives is checked."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tests.models.layouts.families import forward, written
from tests.models.layouts.looking import assert_agree, look
from tests.models.layouts.originals import pixels
from vitscope import catalog
from vitscope.errors import ModelError, WeightsError
from vitscope.models import hub, names
from vitscope.models.build import load

NAME = "hf-hub:somebody/something"


def answer(kind: type[HfHubHTTPError], status: int) -> HfHubHTTPError:
    """The error of the client for a status that the Hub gave, whatever the client's network library calls it."""
    response = SimpleNamespace(status_code=status, headers={}, request=None, url="https://huggingface.co")
    return kind("no", response=response)  # type: ignore[arg-type]


def offline() -> LocalEntryNotFoundError:
    error = LocalEntryNotFoundError("cannot find the requested files in the local cache")
    error.__cause__ = OfflineModeIsEnabled("offline mode is enabled")
    return error


def unreachable() -> LocalEntryNotFoundError:
    error = LocalEntryNotFoundError("cannot find the requested files in the local cache")
    error.__cause__ = OSError("[Errno 111] Connection refused")
    return error


ANSWERS: dict[str, tuple[Callable[[], Exception], str]] = {
    "offline": (offline, "HF_HUB_OFFLINE is set"),
    "offline, plainly": (lambda: OfflineModeIsEnabled("no"), "HF_HUB_OFFLINE is set"),
    "unreachable": (unreachable, "Connection refused): let this machine reach the Hub once, or copy that cache"),
    "gated": (
        lambda: answer(GatedRepoError, 403),
        "is gated: accept its terms on https://huggingface.co/somebody/something",
    ),
    "unknown": (lambda: answer(RepositoryNotFoundError, 401), "has no repository somebody/something, or it is private"),
    "forbidden": (lambda: answer(HfHubHTTPError, 403), "or it is private: check the name, or log in with `hf auth"),
    "revision": (lambda: answer(RevisionNotFoundError, 404), "has no such revision: leave out what follows the @"),
    "rate": (lambda: answer(HfHubHTTPError, 429), "after too many requests: wait some minutes, or log in"),
    "broken": (lambda: answer(HfHubHTTPError, 503), "the Hub is out of order (status 503): try again later"),
    "cut": (lambda: OSError("Consistency check failed: file should be of size 7"), "is not what the Hub has announced"),
}


@pytest.fixture(autouse=True)
def _nothing_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda *_, **__: None)


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize("where", ["asked", "downloaded", "timm"])
def test_what_the_hub_answers_is_a_sentence(monkeypatch: pytest.MonkeyPatch, kind: str, where: str) -> None:
    make, sentence = ANSWERS[kind]

    def fails(*_: object, **__: object) -> str:
        raise make()

    monkeypatch.setattr(hub, "get_hf_file_metadata", (lambda *_, **__: None) if where == "downloaded" else fails)
    monkeypatch.setattr(hub, "hf_hub_download", fails)
    name = "mae" if where == "timm" else NAME
    with pytest.raises(WeightsError) as raised:
        hub.check(name, catalog.MODELS[name].timm) if where == "timm" else load(name)
    said = str(raised.value)
    assert said.startswith(f"no weights for {name}: ")
    repository = "timm/vit_base_patch16_224.mae" if where == "timm" else "somebody/something"
    assert sentence.replace("somebody/something", repository) in said
    assert "--checkpoint" in said
    assert "\n" not in said


@pytest.mark.parametrize("bug", [AttributeError, NameError, TypeError])
@pytest.mark.parametrize("where", ["get_hf_file_metadata", "hf_hub_download"])
def test_a_bug_is_not_taken_for_a_missing_network(monkeypatch: pytest.MonkeyPatch, where: str, bug: type) -> None:
    def broken(*_: object, **__: object) -> str:
        raise bug("a bug")

    monkeypatch.setattr(hub, "get_hf_file_metadata", lambda *_, **__: None)
    monkeypatch.setattr(hub, where, broken)
    with pytest.raises(bug, match="a bug"):
        load(NAME)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes")])
def test_short_memory_is_not_taken_for_a_missing_network(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def no_memory(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(hub, "cached", lambda *_: Path("weights"))
    monkeypatch.setattr(names.Named, "create", no_memory)
    with pytest.raises(ModelError, match="this machine has too little memory left for mae"):
        load("mae")


def test_a_repository_without_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object, **__: object) -> str:
        raise answer(RemoteEntryNotFoundError, 404)

    monkeypatch.setattr(hub, "get_hf_file_metadata", none)
    monkeypatch.setattr(hub, "hf_hub_download", none)
    with pytest.raises(WeightsError, match=r"the repository somebody/something on the Hub has no config\.json"):
        load(NAME)


@pytest.mark.parametrize("name", ["hf-hub:", "hf-hub:something", "hf-hub:a/b/c"])
def test_what_is_no_name_of_a_repository(name: str) -> None:
    with pytest.raises(ModelError, match=r"names no repository of the Hub: write hf-hub:ORGANISATION/NAME\."):
        load(name)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is put here is downloaded into a cache laid out as the Hub's: names that point at blobs called by sha256."""
    stored = tmp_path / "stored"
    cache = tmp_path / "models--somebody--something"
    snapshot = cache / "snapshots" / "abc"
    (cache / "blobs").mkdir(parents=True)
    snapshot.mkdir(parents=True)

    def download(owner: str, file: str, revision: str | None) -> str:
        assert (owner, revision) == ("somebody/something", "v1")
        if not (stored / file).is_file():
            raise answer(RemoteEntryNotFoundError, 404)
        blob = cache / "blobs" / hashlib.sha256((stored / file).read_bytes()).hexdigest()
        shutil.copy(stored / file, blob)
        (snapshot / file).unlink(missing_ok=True)
        (snapshot / file).symlink_to(blob)
        return str(snapshot / file)

    monkeypatch.setattr(hub, "get_hf_file_metadata", lambda *_: None)
    monkeypatch.setattr(hub, "hf_hub_download", download)
    return stored


def test_a_repository_of_transformers(repository: Path) -> None:
    model = written("DINOv2, registers", repository)
    said = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]}
    (repository / "preprocessor_config.json").write_text(json.dumps(said))
    loaded = load(f"{NAME}@v1")
    assert_agree(look(loaded, pixels()), forward(model, pixels()))
    assert loaded.mean == (0.1, 0.2, 0.3)
    assert loaded.checkpoint is not None
    assert loaded.checkpoint["file"] == "somebody/something@v1/model.safetensors"
    assert loaded.checkpoint["sha256"] == hashlib.sha256((repository / "model.safetensors").read_bytes()).hexdigest()


def test_a_repository_of_timm(repository: Path) -> None:
    import timm
    from safetensors.torch import save_file

    arguments = {"img_size": 32, "patch_size": 8, "embed_dim": 48, "depth": 2, "num_heads": 3}
    module = timm.create_model("vit_tiny_patch16_224", num_classes=5, **arguments)
    repository.mkdir()
    save_file(module.state_dict(), repository / "model.safetensors")
    config = {"architecture": "vit_tiny_patch16_224", "num_classes": 5, "model_args": arguments}
    config["pretrained_cfg"] = {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6]}
    (repository / "config.json").write_text(json.dumps(config))
    loaded = load(f"{NAME}@v1")
    assert (loaded.image_size, loaded.mean, loaded.std) == ((32, 32), (0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert (loaded.module.state_dict()["norm.bias"] == module.state_dict()["norm.bias"]).all()
    assert any("left out" in note and "head.bias" in note for note in loaded.notes)


def test_weights_that_are_not_what_the_hub_announced(repository: Path, tmp_path: Path, monkeypatch) -> None:
    written("ViT", repository)
    download = hub.hf_hub_download

    def damaged(owner: str, file: str, revision: str | None) -> str:
        path = Path(download(owner, file, revision))
        if file == "model.safetensors":
            content = bytearray(path.read_bytes())
            content[-1] ^= 1
            path.resolve().write_bytes(bytes(content))
        return str(path)

    monkeypatch.setattr(hub, "hf_hub_download", damaged)
    with pytest.raises(
        WeightsError, match=r"models--somebody--something .* is damaged: its sha256 .*; remove .*blobs/"
    ):
        load(f"{NAME}@v1")


def test_a_damaged_file_of_timm_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blob = tmp_path / "models--timm--x" / "blobs" / ("0" * 64)
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"weights")
    monkeypatch.setattr(hub, "cached", lambda *_: blob)
    with pytest.raises(WeightsError, match="is damaged: its sha256 is not the one that the Hub gave"):
        hub.taken("vit_base_patch16_224.mae")
    whole = blob.with_name(hashlib.sha256(b"weights").hexdigest())
    blob.rename(whole)
    monkeypatch.setattr(hub, "cached", lambda *_: whole)
    assert hub.taken("vit_base_patch16_224.mae") == whole


def test_the_cache_that_is_named_is_the_clients() -> None:
    assert hub.HF_HUB_CACHE == constants.HF_HUB_CACHE
