"""The benchmarks compare like with like: all contenders find the same numbers, and so does the loop of the paper."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from timm.models.vision_transformer import VisionTransformer

from tests import synthetic
from tests.benchmarks import bench_browser, page, paper_loop, peers
from tests.benchmarks import bench_hundred_thousand as hundred
from tests.tasks import backbones
from vitscope.derive.aligned import aligned
from vitscope.derive.cka import Blocks, cka
from vitscope.geometry import patch_distance
from vitscope.run.extract import shard_size
from vitscope.store.files import write_json

INSTALLED = [name for name in peers.CONTENDERS if not name.startswith(("fast-vit", "vit-prisma", "torchlens"))]


def small():
    """A ViT whose attention is not uniform, and two batches of pixels."""
    torch.manual_seed(0)
    vit = VisionTransformer(img_size=32, patch_size=8, embed_dim=32, depth=3, num_heads=2).eval()
    for block in vit.blocks:
        torch.nn.init.normal_(block.attn.qkv.weight, std=0.5)
    return backbones.of(vit, (32, 32)).model, list(torch.randn(4, 3, 32, 32).split(2))


@pytest.mark.parametrize("name", INSTALLED)
def test_contenders_find_the_same_numbers(name):
    model, batches = small()
    kept = []
    peers.hooked(model.module, kept)
    with torch.inference_mode():
        model.module(torch.cat(batches))
    whole = torch.stack(kept).double()  # layer, image, head, query, key
    spatial = whole[..., 1:, 1:] / whole[..., 1:, 1:].sum(-1, keepdim=True)
    distance = torch.from_numpy(patch_distance(backbones.of(model.module, (32, 32)).geometry))

    found = peers.CONTENDERS[name](small()[0], batches)()
    np.testing.assert_allclose(found.maps, whole.mean(1), atol=1e-6)
    np.testing.assert_allclose(found.distance, (spatial * distance).sum(-1).mean(-1).mean(1), atol=1e-6)
    assert whole.mean(1).std() > 0.02  # heads do look somewhere


def test_the_aligned_maps_of_the_loop_are_those_of_vitscope():
    model, batches = small()
    peers.unfused(model.module)
    loop, average = paper_loop.Aligned(4), []
    for pixels in batches:
        whole = paper_loop.stacked_attention(model.module, pixels)
        loop.add(whole)
        average.append(paper_loop.spatial(whole))
    mean = torch.cat(average).mean(0).numpy()
    ours = aligned(mean, backbones.of(model.module, (32, 32)).geometry)
    np.testing.assert_allclose(loop.result(), ours, atol=1e-6)


def test_the_cka_of_the_loop_is_that_of_the_paper_protocol():
    random = torch.Generator().manual_seed(0)
    left, right = (torch.randn(3, 2, 8, 5, 6, generator=random) for _ in range(2))  # batch, layer, image, token, width
    batches = list(torch.arange(3))
    found = paper_loop.cka(batches, lambda b: list(left[b]), lambda b: list(right[b]), paper_loop.TOKENS["all"])

    def blocks(tokens):
        rows = tokens.flatten(3).transpose(0, 1)  # layer, batch, image, token·width
        grams = (rows @ rows.mT).double().numpy()
        places = np.arange(24).reshape(3, 8)
        return Blocks(grams, places, grams.max((-1, -2)) - grams.min((-1, -2)))

    np.testing.assert_allclose(found, cka(blocks(left), blocks(right)), atol=1e-4)


def test_a_command_of_the_page_gets_what_it_prints_and_nothing_else_changes():
    command = "python -m tests.benchmarks.bench_x --images 3"
    text = f"a\n```sh\n{command}\n```\nold\n<!-- measured -->\nb\n```sh\n{command}0\n```\n<!-- measured -->\n"
    table = "said\n\n| a |\n| --- |\n"
    after = page.measured(text, command, table, "2 cores")
    assert after == text.replace("old\n", f"\n2 cores:\n\n{table}\n", 1)
    assert page.measured(after, command, table, "2 cores") == after
    assert page.measured(text, command, f"2 cores\n{table}", "2 cores").count("2 cores") == 1
    assert "\n2 cores:\n\n```text\n7 s\n```" in page.measured(text, command, "7 s\n", "2 cores")


def test_every_measurement_of_the_page_has_its_command():
    text = page.PAGE.read_text()
    assert len(page.BLOCK.findall(text)) == text.count("<!-- measured -->") > 5


def test_thirds_are_rates_between_the_first_and_the_last_commit():
    samples = [hundred.Sample(0.0, 0, 10.0)]
    samples += [hundred.Sample(5.0 + step, 100 * step, 20.0 + step, step / 4) for step in range(1, 13)]
    found = hundred.thirds(samples)
    assert [third.rate for third in found] == pytest.approx([100, 100, 100])
    assert [third.share for third in found] == pytest.approx([4, 4, 4])
    assert [third.memory for third in found] == sorted(third.memory for third in found)


def test_images_of_a_data_set_are_drawn_once_and_committed_ones_are_counted(tmp_path):
    hundred.draw(tmp_path / "images", 30, 24, 1)
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "images").rglob("*.png")}
    assert len(files) == 30
    assert len({path.read_bytes() for path in files}) == 30
    hundred.draw(tmp_path / "images", 30, 24, 1)
    assert {path: path.stat().st_mtime_ns for path in files} == files
    (tmp_path / "cache/run/shards").mkdir(parents=True)
    (tmp_path / "cache/run/run.json").write_text("{}")
    write_json(tmp_path / "cache/run/shards/00000.json", {"record": {"stages": {"forward": 1.5}}})
    assert hundred.forward(tmp_path / "cache") == 1.5
    assert hundred.committed(tmp_path / "cache", 1000) == shard_size(1000)


def test_the_three_programs_whose_first_frames_are_compared_all_start(tmp_path):
    synthetic.write(tmp_path, model="m")
    rows = bench_browser.first_frames(tmp_path, 1).rows
    assert [row[0] for row in rows] == ["empty Textual app", "browse(), without the command line", "vitscope browse"]
    assert all(float(row[1]) > 0 for row in rows)
