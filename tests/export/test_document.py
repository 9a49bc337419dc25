"""Views as tables in Markdown and LaTeX."""

from __future__ import annotations

import re

import numpy as np

from tests.export.makers import view
from vitscope.export.document import latex_bytes, markdown_bytes, table
from vitscope.views import Column, View


def column(*values: float) -> Column:
    return Column(values=np.array(values), unit="1")


def summary() -> View:
    """Two models and noise in k-NN, one of them with the paper's number; only one in DAVIS."""
    nan = np.nan
    return view(
        {"model": ["mae", "my_model", "random"]},
        columns={
            "knn": column(0.5, 0.75, 0.9), "knn_layer": column(12, 8, nan), "knn_std": column(nan, nan, 0.01),
            "knn_paper": column(0.4519, nan, nan), "knn_paper_layer": column(12, nan, nan),
            "knn_difference": column(0.0481, nan, nan),
            "davis": column(nan, 0.25, nan), "davis_layer": column(nan, 3, nan),
        },
        name="summary",
        notes=["100 % of the *images*"],
    )  # fmt: skip


def test_the_summary_has_the_best_in_bold_and_the_papers_number_below():
    lines = markdown_bytes([summary()]).decode().splitlines()
    assert lines[:4] == ["**A thing**", "", "| model | knn | davis |", "| --- | --- | --- |"]
    assert lines[4] == "| mae | 0.500 (12) | – |"
    assert lines[5] == "|  | paper 0.452 (12), +0.048 |  |"
    assert lines[6] == r"| my\_model | **0.750 (8)** | **0.250 (3)** |"
    assert lines[7] == "| random | 0.900 ± 0.010 | – |"  # noise is never the best
    assert lines[-1] == r"100 % of the \*images\*"


def test_latex_is_a_table_whose_letters_mean_themselves():
    text = latex_bytes([summary()]).decode()
    assert text.startswith("% 100 % of the *images*\n\\begin{table}\n")
    assert r"\textbf{0.750 (8)} & \textbf{0.250 (3)} \\" in text
    assert r"my\_model" in text
    assert r"0.900 $\pm$ 0.010" in text
    assert len(re.findall(r"\\(toprule|midrule|bottomrule)", text)) == 3
    for line in text.splitlines():
        if line.endswith(r"\\"):
            assert len(re.findall(r"(?<!\\)&", line)) == 2
    assert text.count(r"\begin") == text.count(r"\end") == 2


def test_a_name_that_is_a_formula_elsewhere_is_itself_in_a_text():
    odd = view({"token": ["=1+1", "@x"]}, np.array([1.0, 2.0]), model="+m")
    assert [[text for text, _ in row] for row in table(odd)[1]] == [["+m", "=1+1", "1"], ["+m", "@x", "2"]]
    assert "| +m | =1+1 | 1 |" in markdown_bytes([odd]).decode()
    assert "+m & =1+1 & 1 " in latex_bytes([odd]).decode()


def test_one_number_over_two_dims_goes_down_and_across():
    head, rows = table(view({"layer": [1, 2], "head": [1, 2, 3]}, np.arange(6.0).reshape(2, 3) / 4))
    assert head == ["thing: layer by head", "1", "2", "3"]
    assert [[text for text, _ in row] for row in rows] == [["1", "0", "0.25", "0.5"], ["2", "0.75", "1", "1.25"]]


def test_everything_else_has_a_line_for_every_place():
    columns = {
        "a": Column(values=np.array([[1.0, np.nan]]), unit="1"),
        "tags": Column(values=np.array([[["x", "y"], []]], dtype=object), unit="tag"),
    }
    heads = view({"layer": [1], "head": [1, 2]}, columns=columns)
    head, rows = table(heads)
    assert head == ["model", "layer", "head", "a", "tags"]
    assert [[text for text, _ in row] for row in rows] == [["mae", "1", "1", "1", "x; y"], ["mae", "1", "2", "", ""]]
    lines = markdown_bytes([heads, heads]).decode().splitlines()
    assert lines.count("| model | layer | head | a | tags |") == 2
    assert "| --- | ---: | ---: | ---: | --- |" in lines
