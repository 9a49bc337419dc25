"""Every line of the catalog leads to something that does what its table promises."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from vitscope import catalog
from vitscope.errors import UnknownName
from vitscope.geometry import Geometry

TABLES = {"model": catalog.MODELS, "data set": catalog.DATASETS, "metric": catalog.METRICS, "view": catalog.VIEWS}
LINES = [(kind, name) for kind, table in TABLES.items() for name in table]


@pytest.mark.parametrize(("kind", "name"), LINES)
def test_names_are_easy_to_type_and_explained(kind, name):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
    about = TABLES[kind][name].about
    assert about
    assert "\n" not in about
    assert not about.endswith(".")


@pytest.mark.parametrize("name", catalog.MODELS)
def test_models_have_a_tag_that_timm_has_weights_for_or_a_file(name):
    from timm.models import is_model_pretrained, list_pretrained

    model = catalog.MODELS[name]
    if model.by_hand:
        assert model.original is not None
        assert model.timm not in list_pretrained()  # its tags are other weights
    elif model.file is None:
        assert "." in model.timm
        assert is_model_pretrained(model.timm)
        assert model.timm in list_pretrained()
    else:
        assert "." not in model.timm
        assert (Path(catalog.__file__).parent / model.file).is_file()
    assert model.supervision in {"explicit", "contrastive", "reconstruction"}


@pytest.mark.parametrize("name", catalog.DATASETS)
def test_data_sets_are_read_from_a_folder(name):
    reader = catalog.load("data set", catalog.DATASETS, name)
    assert list(inspect.signature(reader).parameters) == ["root", "limit", "per_class"]


@pytest.mark.parametrize("name", catalog.METRICS)
def test_metrics_keep_their_promises(name):
    import torch

    from vitscope.batch import PLACES
    from vitscope.metrics import Setting
    from vitscope.store.layout import is_name, metric_key

    metric = catalog.load("metric", catalog.METRICS, name)
    assert metric_key(name, metric.version) == f"{name}@{metric.version}"
    assert metric.unit
    assert metric.dims
    assert all(is_name(array) and dims and all(map(str.isidentifier, dims)) for array, dims in metric.dims.items())
    geometry = Geometry(layers=2, heads=3, prefix=("cls",), rows=2, columns=3, patch=(8, 8))
    setting = Setting(geometry, torch.device("cpu"), 2, gallery=(0,), width=4, taps=frozenset(PLACES), places=(0, 1))
    assert metric.applies(setting)
    measured = metric(setting)
    assert isinstance(measured.sums, metric.adds)
    assert callable(measured.look if hasattr(metric, "at") else measured.add)
    assert set(getattr(metric, "at", ())) <= set(PLACES)
    assert not metric.applies(Setting(geometry, torch.device("cpu"))) or not hasattr(metric, "at")
    assert metric.__doc__


@pytest.mark.parametrize("name", catalog.VIEWS)
def test_views_take_a_run_or_several_and_options(name):
    from vitscope.views import View

    view = catalog.load("view", catalog.VIEWS, name)
    signature = inspect.signature(view, eval_str=False)
    several = catalog.VIEWS[name].several
    assert list(signature.parameters) == (["cache", "models", "options"] if several else ["run", "options"])
    assert not catalog.VIEWS[name].task or catalog.VIEWS[name].task in catalog.TASKS
    assert signature.return_annotation in {View, "View"}


def test_two_short_names_are_never_the_same_model():
    assert len({model.file or model.timm for model in catalog.MODELS.values()}) == len(catalog.MODELS)


def test_groups_hold_models():
    assert all(set(models) <= set(catalog.MODELS) for models in catalog.GROUPS.values())
    assert not set(catalog.GROUPS) & set(catalog.MODELS)


def test_an_unknown_name_brings_the_nearest():
    with pytest.raises(UnknownName, match=r"no metric is called 'distence'. Did you mean distance\? Known: attention"):
        catalog.load("metric", catalog.METRICS, "distence")
    with pytest.raises(UnknownName, match=r"no view is called 'zzz'\. Known: aligned"):
        catalog.find("view", catalog.VIEWS, "zzz")
