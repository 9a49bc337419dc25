"""A view, printed or kept: `table` for a terminal, `data` for scripts, `figure` for papers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vitscope.views import View


def written(views: Sequence[View], form: str) -> bytes:
    """The file of some views as "json", "csv", "npy", "md", "tex", "png" or "svg"; ViewError where it cannot be one."""
    if form in {"png", "svg"}:
        from vitscope.export.figure import figure  # which takes seconds to import

        return figure(views, form)
    from vitscope.export import data, document

    write = {
        "json": data.json_bytes,
        "csv": data.csv_bytes,
        "npy": data.npy_bytes,
        "md": document.markdown_bytes,
        "tex": document.latex_bytes,
    }
    return write[form](views)
