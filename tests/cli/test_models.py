"""`vitscope models`: what there is, what of it is here, and everything about one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants

from tests.cli.conftest import one_sentence
from vitscope import catalog
from vitscope.cli import listing, models, weights
from vitscope.models import hub as hub_of_timm
from vitscope.models import huggingface
from vitscope.run.describe import describe

SHA256 = "0123456789abcdef" * 4


@pytest.fixture
def hub(monkeypatch, tmp_path) -> Path:
    """An empty Hugging Face cache."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def download(hub: Path, repository: str, config: dict | None = None) -> Path:
    """Leave a file of weights in `hub` as the Hub's client does; its path."""
    folder = hub / f"models--{repository.replace('/', '--')}"
    snapshot = folder / "snapshots" / "1"
    snapshot.mkdir(parents=True)
    (folder / "blobs").mkdir()
    (folder / "blobs" / SHA256).write_bytes(b"")
    (snapshot / "model.safetensors").symlink_to(folder / "blobs" / SHA256)
    if config is not None:
        (snapshot / "config.json").write_text(json.dumps(config))
    return snapshot / "model.safetensors"


def test_the_catalog_and_the_cache_are_listed(vitscope, cache, hub):
    download(hub, "timm/vit_base_patch16_clip_224.openai")
    listed = {model["model"]: model for model in json.loads(vitscope("models", "--json", "--cache", cache).out)}
    assert list(listed)[: len(catalog.MODELS) + 1] == [*catalog.MODELS, "random"]
    assert {tuple(model) for model in listed.values()} == {models.KEYS}
    found = {name: model["weights"] for name, model in listed.items()}
    assert found["clip"] == "cached"
    assert found["mae"] == "hub"
    assert found["moco"] == found["beit-l16"] == "by hand"
    assert found["random"] == "none"
    assert {name for name, where in found.items() if where == "shipped"} == set(catalog.GROUPS["demo"])
    assert listed["mae"]["supervision"] == "reconstruction"
    assert listed["synthetic"]["runs"][0]["images"] == 4
    assert listed["timm/registers"]["timm"] == "registers"
    table = vitscope("models", "--cache", cache)
    assert all(f"{name} " in table.out for name in listed if name in catalog.MODELS)
    assert all(name in table.out for name in listed)
    assert "timm/NAME" in table.err


def test_other_vision_transformers_in_the_hugging_face_cache_are_listed(vitscope, hub, tmp_path):
    download(hub, "timm/vit_small_patch14_dinov2.lvd142m")
    download(hub, "facebook/dino-vits16", {"model_type": "vit"})
    download(hub, "somebody/bert", {"model_type": "bert"})
    download(hub, "somebody/notes", None)
    (hub / "models--somebody--empty").mkdir()
    listed = json.loads(vitscope("models", "--json", "--cache", tmp_path).out)
    others = listed[len(catalog.MODELS) + 1 :]
    assert [(row["model"], row["weights"]) for row in others] == [
        ("hf-hub:facebook/dino-vits16", "cached"),
        ("timm/vit_small_patch14_dinov2.lvd142m", "cached"),
    ]


def test_the_list_fits_a_narrow_terminal(vitscope, cache, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = vitscope("models", "--cache", cache).out.splitlines()
    assert max(map(len, lines)) <= 80
    for name in catalog.MODELS:
        assert sum(line.startswith(f"{name} ") for line in lines) == 1, name
    assert [line.partition(" ")[0] for line in lines if " · " in line] == [
        *("FS", "CLIP", "DINO", "MoCo-v3", "MAE", "BEiT", "demo")
    ]
    assert "tag augreg_in21k_ft_in1k" in "".join(lines)


@pytest.mark.parametrize("group", catalog.GROUPS)
def test_a_group_is_listed_alone(vitscope, hub, tmp_path, group):
    listed = json.loads(vitscope("models", group, "--json", "--cache", tmp_path).out)
    assert sorted(row["model"] for row in listed) == sorted(catalog.GROUPS[group])
    said = vitscope("models", group, "--cache", tmp_path).out
    assert [
        line.split()[0] for line in said.splitlines() if line.split()[:1] and line.split()[0] in catalog.MODELS
    ] == [name for name in listing.ORDER if name in catalog.GROUPS[group]]


@pytest.mark.parametrize("name", catalog.GROUPS["demo"])
def test_the_shape_of_a_small_model_is_known_without_building_it(name):
    facts = models._shape(catalog.MODELS[name])
    assert facts == {key: describe(name)[key] for key in ("layers", "heads", "width", "tokens")}


def test_weights_are_looked_for_where_timm_looks_for_them():
    tagged = [model.timm for model in catalog.MODELS.values() if not model.file and not model.by_hand]
    assert [weights.repository(timm) for timm in tagged] == [hub_of_timm.repository_of(timm) for timm in tagged]


def test_the_kinds_that_are_listed_are_those_that_can_be_read():
    assert huggingface.KINDS.keys() == weights.READABLE


def test_the_list_starts_no_torch(tmp_path):
    program = (
        "import sys\nfrom vitscope.cli import main\n"
        f"sys.argv = ['vitscope', 'models', '--cache', {str(tmp_path)!r}]\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code\n"
        "assert not {'torch', 'timm'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


@pytest.mark.parametrize("name", [name for name, model in catalog.MODELS.items() if model.size])
def test_everything_about_a_model_of_the_paper(vitscope, hub, tmp_path, name):
    model = catalog.MODELS[name]
    assert model.size is not None
    assert model.original is not None
    facts = json.loads(vitscope("models", name, "--json", "--cache", tmp_path).out)
    assert (facts["layers"], facts["width"], facts["heads"], facts["tokens"]) == (
        model.size.layers,
        model.size.width,
        model.size.heads,
        model.size.tokens,
    )
    said = vitscope("models", name, "--cache", tmp_path).out
    for words in (model.licence, model.original.file, model.original.where, model.timm, str(model.size.tokens)):
        assert words in " ".join(said.split())
    assert ("to be supplied by hand" in said) == model.by_hand


def test_what_is_in_the_hugging_face_cache_is_named_with_its_digest(vitscope, hub, tmp_path):
    file = download(hub, "timm/vit_base_patch16_224.mae")
    facts = json.loads(vitscope("models", "mae", "--json", "--cache", tmp_path).out)
    assert facts["weights"] == "cached"
    assert facts["cached"] == {"file": str(file), "digest": f"sha256:{SHA256}"}
    assert f"sha256:{SHA256}" in vitscope("models", "mae", "--cache", tmp_path).out


def test_a_model_of_timm_is_described_without_its_weights(vitscope, hub, tmp_path):
    name = "timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k"
    facts = json.loads(vitscope("models", name, "--json", "--cache", tmp_path).out)
    wanted = {"layers": 12, "heads": 3, "width": 192, "tokens": 197, "prefix": ["cls"], "weights": "hub"}
    assert {key: facts[key] for key in wanted} == wanted
    assert facts["repository"] == "timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k"
    assert facts["licence"] == "apache-2.0"
    assert "12 layers × 3 heads" in vitscope("models", name, "--cache", tmp_path).out


def test_a_repository_of_the_hub(vitscope, hub, tmp_path):
    assert "downloaded at the first use" in vitscope("models", "hf-hub:facebook/dino-vits16", "--cache", tmp_path).out


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("random", "10 layers × 12 heads, width 768"),
        ("random/mae", "12 layers × 12 heads, width 768"),
        ("demo-beit", "8 layers × 6 heads, width 96"),
    ],
)
def test_models_that_need_no_download(vitscope, tmp_path, name, shape):
    said = vitscope("models", name, "--cache", tmp_path).out
    assert shape in said
    assert "huggingface.co" not in said


@pytest.mark.parametrize(
    ("name", "why"),
    [("meo", "Did you mean"), ("timm/swin_tiny_patch4_window7_224", "windows"), ("timm/nonsense", "no timm model")],
)
def test_what_is_no_model_is_refused(vitscope, tmp_path, name, why):
    assert why in one_sentence(vitscope("models", name, "--cache", tmp_path))
