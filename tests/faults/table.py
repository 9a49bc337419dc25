"""What the fault suite counts: groups, how a case may end, and the tests in other folders that belong to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["right", "refused"]
PROPERTY = "fault"  # the name under which a test tells pytest what it has tried

GROUPS = {
    "ended": "kill -9, SIGTERM and Ctrl-C, anywhere",
    "disk": "a disk that is full, broken, read-only, forbidden or lost, under the cache",
    "source": "the same under the images",
    "slow": "slow files under the cache, the images and the browser",
    "flipped": "a flipped byte in every file of the cache",
    "copied": "truncated, empty, missing and half-copied files, folders for files and files for folders",
    "clocks": "clocks that jump",
    "writers": "two writers; a writer beside a reader; a cache deleted under somebody",
    "numbers": "NaN, Inf and overflow in the model",
    "images": "images of every kind and damage",
    "names": "names, links, pipes, devices, permissions; files that come, go and change",
    "places": "no home, no state, no settings, no folder to stand in",
    "large": "many files",
}


@dataclass(frozen=True)
class Elsewhere:
    """Tests of another folder: every one of their parameters is a case."""

    group: str
    test: str  # FILE::FUNCTION
    ends: Outcome


FILES = {
    "test_disk": "disk",
    "test_small": "disk",
    "test_slow": "slow",
    "test_net": "disk",
    "test_flipped": "flipped",
    "test_copied": "copied",
    "test_together": "writers",
    "test_numbers": "numbers",
    "test_images": "images",
    "test_places": "places",
    "test_large": "large",
}  # where a case that is lost is counted

ELSEWHERE = (
    Elsewhere("ended", "tests/run/test_kill.py::test_killed_at_twenty_random_moments", "right"),
    Elsewhere("ended", "tests/run/test_kill.py::test_killed_before_every_single_change_on_disk", "right"),
    Elsewhere("ended", "tests/run/test_interrupt.py::test_ctrl_c_keeps_what_was_finished", "right"),
    Elsewhere("ended", "tests/run/test_interrupt.py::test_ctrl_c_in_a_terminal_with_workers", "right"),
    Elsewhere("ended", "tests/run/test_interrupt.py::test_told_to_end_it_leaves_no_lock_for_other_hosts", "right"),
    Elsewhere("ended", "tests/run/test_interrupt.py::test_a_worker_that_the_system_ends", "refused"),
    Elsewhere("ended", "tests/store/test_killed.py::test_killed_before_every_single_change_of_the_disk", "right"),
    Elsewhere("ended", "tests/store/test_killed.py::test_killed_while_a_run_is_removed", "right"),
    Elsewhere("ended", "tests/store/test_killed.py::test_killed_for_real_at_random_moments", "right"),
    Elsewhere("disk", "tests/run/test_bad_cache.py::test_a_full_disk", "refused"),
    Elsewhere("disk", "tests/run/test_bad_cache.py::test_a_disk_that_refuses", "refused"),
    Elsewhere("disk", "tests/store/test_files.py::test_every_refusal_is_a_sentence", "refused"),
    Elsewhere("copied", "tests/run/test_bad_cache.py::test_a_cache_that_is_a_file", "refused"),
    Elsewhere("copied", "tests/run/test_bad_cache.py::test_a_cache_of_another_version", "refused"),
    Elsewhere("copied", "tests/store/test_writer.py::test_a_run_whose_run_json_is_lost_begins_anew", "right"),
    Elsewhere("writers", "tests/run/test_interrupt.py::test_a_second_extraction_of_the_same_run_says_so_and_stops", "refused"),  # noqa: E501
    Elsewhere("writers", "tests/store/test_lock.py::test_of_many_takers_of_a_stale_lock_exactly_one_wins", "right"),
    Elsewhere("writers", "tests/store/test_lock.py::test_of_many_takers_of_no_lock_exactly_one_wins", "right"),
    Elsewhere("writers", "tests/store/test_lock.py::test_a_lock_that_says_nothing_is_not_ours_to_break", "refused"),
    Elsewhere("images", "tests/data/test_pixels.py::test_colours_survive_every_format", "right"),
    Elsewhere("images", "tests/data/test_pixels.py::test_greys_of_every_depth_keep_their_brightness", "right"),
    Elsewhere("images", "tests/data/test_pixels.py::test_pictures_are_turned_upright", "right"),
    Elsewhere("images", "tests/data/test_pixels.py::test_a_file_cut_in_half_is_unreadable", "refused"),
    Elsewhere("images", "tests/data/test_pixels.py::test_what_is_no_image_is_said_so", "refused"),
    Elsewhere("images", "tests/data/test_pixels.py::test_bombs_are_refused_without_decoding", "refused"),
    Elsewhere("names", "tests/data/test_images.py::test_loops_end", "right"),
    Elsewhere("names", "tests/data/test_images.py::test_pipes_are_not_images", "right"),
    Elsewhere("names", "tests/data/test_images.py::test_a_folder_that_may_not_be_read_is_an_error", "refused"),
    Elsewhere("names", "tests/run/test_bad_input.py::test_names_that_would_steer_the_terminal", "right"),
)  # fmt: skip


@dataclass
class Tally:
    """How many cases ended how, by group."""

    ended: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, group: str, end: str, count: int = 1) -> None:
        """Count cases; KeyError for a group that there is not."""
        GROUPS[group]
        self.ended[group, end] += count

    def of(self, group: str) -> tuple[int, int, int, int]:
        """Tried, right result, clear refusal, lost."""
        right, refused, lost = (self.ended[group, end] for end in ("right", "refused", "lost"))
        return right + refused + lost, right, refused, lost

    def lines(self) -> Iterable[str]:
        """The table as Markdown."""
        yield "| what is done | tried | right result | clear refusal | lost |"
        yield "|---|---:|---:|---:|---:|"
        rows = {group: self.of(group) for group in GROUPS}
        for group, row in rows.items():
            yield f"| {GROUPS[group]} | {' | '.join(f'{count:,}' for count in row)} |"
        total = [sum(column) for column in zip(*rows.values(), strict=True)]
        yield f"| **all** | {' | '.join(f'**{count:,}**' for count in total)} |"
