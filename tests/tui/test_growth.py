"""What of a cache is looked at to see whether it changed."""

from __future__ import annotations

from tests import synthetic
from vitscope.tui import growth


def test_a_record_that_is_emptied_where_it_stands_is_seen(tmp_path):
    folder = synthetic.write(tmp_path, layers=2, heads=2, grid=(3, 3))
    before = growth.marks(tmp_path)
    assert growth.changed(before, growth.marks(tmp_path)) == set()
    (folder / "run.json").write_text("")
    assert growth.changed(before, growth.marks(tmp_path)) == {folder.name}
