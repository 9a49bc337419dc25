from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from vitscope.store import layout


def test_the_cache_is_where_it_was_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VITSCOPE_CACHE", raising=False)
    assert layout.cache_folder(None) == platformdirs.user_cache_path("vitscope")
    (tmp_path / "cache").write_text("not a folder")
    assert layout.cache_folder(None) == platformdirs.user_cache_path("vitscope")
    (tmp_path / "cache").unlink()
    (tmp_path / "cache").mkdir()
    assert layout.cache_folder(None) == tmp_path / "cache"
    monkeypatch.setenv("VITSCOPE_CACHE", str(tmp_path / "variable"))
    assert layout.cache_folder(None) == tmp_path / "variable"
    assert layout.cache_folder(Path("option")) == Path("option")
    assert layout.cache_folder(Path("~/option")) == Path.home() / "option"


def test_keys_of_metrics_are_read_back():
    assert layout.split_key(layout.metric_key("head-deviation", 12)) == ("head-deviation", 12)


@pytest.mark.parametrize("name", ["distance", "@1", "distance@", "distance@0", "distance@01", "Distance@1", "../a@1"])
def test_other_names_are_no_keys(name):
    assert layout.split_key(name) is None


def test_a_metric_cannot_be_called_anything():
    with pytest.raises(ValueError, match="not the key of a metric"):
        layout.metric_key("../distance", 1)


@pytest.mark.parametrize(
    "name", ["..", ".", "", "/etc/passwd", "a/b", "a\\b", ".hidden", "a\0", "a\n", "C:x", "x" * 300]
)
def test_only_plain_names_are_files(name):
    assert not layout.is_file(name)
    assert layout.is_file("mean.npy")
    assert layout.is_file("00003-distance@1.safetensors")
