"""The gate with a clock of its own: when a frame may be drawn, and what becomes of answers, late ones and none."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitscope.tui.gate import FRAMES, LARGE, PATIENCE, PLACES, ROW, SLOWEST, SMALL, STEPS, TRIES, Gate

USUAL = 20_000  # characters of a page


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gate(clock) -> Gate:
    """A gate whose terminal has answered once."""
    gate = Gate(clock)
    answer(gate, gate.sent(USUAL))
    return gate


def answer(gate: Gate, question: str) -> None:
    """Answer as a terminal does, which says where the question has put the cursor."""
    found = re.fullmatch(r"\x1b\[(\d+);(\d+)H\x1b\[6n", question)
    assert found
    gate.answered(int(found[1]), int(found[2]))


def test_two_pages_may_be_on_their_way(gate):
    first = gate.sent(USUAL)
    assert gate.ready
    second = gate.sent(USUAL)
    assert not gate.ready
    answer(gate, first)
    assert gate.ready
    gate.sent(USUAL)
    assert not gate.ready
    answer(gate, second)
    assert gate.ready
    assert FRAMES == 2


def test_of_a_large_page_only_one(gate):
    question = gate.sent(LARGE + 1)
    assert not gate.ready
    answer(gate, question)
    assert gate.ready
    assert not gate.asking


def test_steps_of_a_cursor_are_held_up_later(gate):
    for _ in range(STEPS - 1):
        gate.sent(SMALL // STEPS)
        assert gate.ready
    gate.sent(SMALL // STEPS)
    assert not gate.ready


def test_a_step_does_not_slip_past_pages(gate):
    gate.sent(USUAL)
    gate.sent(10)
    assert not gate.ready


def test_an_answer_stands_for_all_frames_before_it(gate):
    gate.sent(10)
    gate.sent(10)
    answer(gate, gate.sent(10))
    assert not gate.asking


def test_a_terminal_that_never_answers_is_never_waited_for(clock):
    gate = Gate(clock)
    questions = 0
    for _ in range(500):
        assert gate.ready
        questions += bool(gate.sent(LARGE))
        clock.now += 0.05
    assert questions == TRIES


def test_no_answer_for_a_while_opens_the_gate(gate, clock):
    gate.sent(LARGE)
    gate.sent(LARGE)
    assert not gate.ready
    wait = gate.wait
    assert wait == pytest.approx(PATIENCE + 2 * LARGE / SLOWEST)
    clock.now += wait - 0.01
    assert not gate.ready
    clock.now += 0.02
    assert gate.ready
    assert not gate.asking
    assert gate.wait == 0


def test_late_answers_are_not_taken_for_those_of_later_frames(gate, clock):
    late = [gate.sent(USUAL), gate.sent(USUAL)]
    clock.now += 60
    assert gate.ready
    question = gate.sent(USUAL)
    for each in late:
        answer(gate, each)
    assert gate.asking
    assert gate.ready  # as long as the terminal has not caught up, nothing is held back
    answer(gate, question)
    assert not gate.asking
    gate.sent(USUAL)
    gate.sent(USUAL)
    assert not gate.ready


def test_a_terminal_that_wakes_up_is_asked_again(gate, clock):
    question = ""
    for _ in range(TRIES + 5):
        question = gate.sent(USUAL) or question
        clock.now += 60
    assert gate.sent(USUAL) == ""
    answer(gate, question)
    assert gate.sent(USUAL) != ""


@pytest.mark.parametrize("place", [(1, 1), (1, 2), (1, 5), (ROW, PLACES + 1), (ROW, 0), (24, 80)])
def test_keys_and_other_reports_are_no_answers(gate, place):
    gate.sent(LARGE + 1)
    gate.answered(*place)
    assert not gate.ready


@given(st.lists(st.tuples(st.sampled_from(["draw", "answer", "lose", "wait"]), st.integers(1, 200_000)), max_size=200))
def test_it_always_opens_again(steps):
    clock = Clock()
    gate = Gate(clock)
    asked: list[str] = []
    for step, amount in steps:
        if step == "draw" and gate.ready:
            asked += [question] if (question := gate.sent(amount)) else []
        elif step == "answer" and asked:
            answer(gate, asked.pop(0))
        elif step == "lose" and asked:
            asked.pop(0)
        elif step == "wait":
            clock.now += amount / 1e5
    clock.now += gate.wait + 1e-6
    assert gate.ready
