from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from vitscope.errors import BusyError, StoreError
from vitscope.store import lock as locking
from vitscope.store import process
from vitscope.store.files import sealed
from vitscope.store.lock import lock
from vitscope.store.process import Owner

TAKER = """
import sys
from pathlib import Path
from vitscope.errors import BusyError
from vitscope.store.lock import lock

for line in sys.stdin:  # a folder; the next line releases it
    try:
        with lock(Path(line.rstrip())):
            print("won", flush=True)
            sys.stdin.readline()
    except BusyError as error:
        print("busy:", error, flush=True)
        sys.stdin.readline()
"""


class Taker:
    """Another process that takes locks when told to."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def say(self, line: object) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def take(self, folder: Path) -> str:
        self.say(folder)
        return self.answer()


@contextmanager
def takers(count: int) -> Iterator[list[Taker]]:
    """So many processes, ended afterwards."""
    processes = [Taker() for _ in range(count)]
    try:
        yield processes
    finally:
        for taker in processes:
            taker.process.kill()
            taker.process.communicate()


def dead() -> Owner:
    """A process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return replace(Owner.me(), pid=ended.pid, start="1")


def leave(folder: Path, owner: Owner, name: str = "lock") -> None:
    """Write a lock as a killed process leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(sealed(owner.to_json()))


def locks(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_folder_is_created_and_the_lock_removed(tmp_path):
    folder = tmp_path / "cache" / "run"
    with lock(folder):
        assert locks(folder) == ["lock"]
    assert locks(folder) == []


def test_an_error_inside_releases_the_lock(tmp_path):
    with suppress(KeyboardInterrupt), lock(tmp_path):
        raise KeyboardInterrupt
    assert locks(tmp_path) == []


def test_the_second_writer_is_told_who_has_it_and_since_when(tmp_path):
    with takers(1) as (taker,):
        assert taker.take(tmp_path) == "won"
        with pytest.raises(BusyError) as caught, lock(tmp_path):
            pass
        message = str(caught.value)
        assert f"process {taker.process.pid} on this host" in message
        assert Owner.me().host in message
        assert Owner.me().since[:10] in message
        assert str(tmp_path / "lock") in message
        taker.say("release")
    with lock(tmp_path):
        assert locks(tmp_path) == ["lock"]


def test_the_same_process_cannot_lock_twice(tmp_path):
    with lock(tmp_path):
        with pytest.raises(BusyError, match=f"process {os.getpid()} on this host"), lock(tmp_path):
            pass
        assert locks(tmp_path) == ["lock"]


def test_a_killed_writer_is_succeeded_even_before_it_is_reaped(tmp_path):
    with takers(1) as (taker,):
        assert taker.take(tmp_path) == "won"
        taker.process.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, taker.process.pid, os.WEXITED | os.WNOWAIT)  # ended, but still a zombie
        with lock(tmp_path):
            assert locks(tmp_path) == ["lock"]
    assert locks(tmp_path) == []


def test_a_reused_process_number_does_not_keep_a_lock(tmp_path):
    leave(tmp_path, replace(Owner.me(), start="1"))
    with lock(tmp_path):
        assert locks(tmp_path) == ["lock"]


def test_a_machine_that_started_again_does_not_keep_a_lock(tmp_path):
    leave(tmp_path, replace(Owner.me(), boot="another"))
    with lock(tmp_path):
        assert locks(tmp_path) == ["lock"]


@pytest.mark.parametrize(
    "elsewhere", [{"host": "node\x1b7"}, {"machine": "another machine of that name"}, {"namespace": "pid:[1]"}]
)
def test_what_cannot_be_known_from_here_is_trusted(tmp_path, elsewhere):
    leave(tmp_path, replace(dead(), **elsewhere))
    before = (tmp_path / "lock").read_bytes()
    with pytest.raises(BusyError) as caught, lock(tmp_path):
        pass
    assert f"delete {tmp_path / 'lock'}" in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert (tmp_path / "lock").read_bytes() == before


def test_without_proc_a_living_number_is_trusted_and_a_dead_one_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "_line", lambda _path: "")
    monkeypatch.setattr(process, "_link", lambda _path: "")
    leave(tmp_path, replace(Owner.me(), token="0" * 32))
    with pytest.raises(BusyError), lock(tmp_path):
        pass
    leave(tmp_path, replace(Owner.me(), pid=dead().pid))
    with lock(tmp_path):
        assert locks(tmp_path) == ["lock"]


def test_a_process_of_somebody_else_is_alive(monkeypatch):
    def refuse(_pid: int, _signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert not process.gone(Owner.me())


@pytest.mark.parametrize("content", [b"", b"{}", b"12345\n", sealed({"pid": 1}), sealed({"host": "x"})])
def test_a_lock_that_says_nothing_is_not_ours_to_break(tmp_path, content):
    (tmp_path / "lock").write_bytes(content)
    with pytest.raises(BusyError, match=r"does not say by whom: .*delete that file"), lock(tmp_path):
        pass
    assert (tmp_path / "lock").read_bytes() == content


@pytest.mark.parametrize(
    "change", [{"pid": 0}, {"pid": -1}, {"pid": True}, {"pid": "1"}, {"token": "../x"}, {"host": 3}]
)
def test_a_lock_with_impossible_fields_is_not_ours_to_break(tmp_path, change):
    (tmp_path / "lock").write_bytes(sealed({**dead().to_json(), **change}))
    with pytest.raises(BusyError, match="does not say by whom"), lock(tmp_path):
        pass


def test_of_many_takers_of_a_stale_lock_exactly_one_wins(tmp_path):
    gone = dead()
    with takers(4) as group:
        for round_ in range(12):
            folder = tmp_path / str(round_)
            leave(folder, replace(gone, token=f"{round_:032x}"))
            for taker in group:
                taker.say(folder)
            answers = [taker.answer() for taker in group]
            assert sum(answer == "won" for answer in answers) == 1, answers
            assert all(answer == "won" or answer.startswith("busy:") for answer in answers)
            assert locks(folder) == ["lock"]
            for taker in group:
                taker.say("release")


def test_of_many_takers_of_no_lock_exactly_one_wins(tmp_path):
    with takers(4) as group:
        for round_ in range(12):
            folder = tmp_path / "runs" / str(round_)
            for taker in group:
                taker.say(folder)
            assert sum(taker.answer() == "won" for taker in group) == 1
            for taker in group:
                taker.say("release")


def interrupt(monkeypatch: pytest.MonkeyPatch, name: str, other: Taker, folder: Path, *, release: bool) -> list[str]:
    """Let another process take the lock just before the first call of `locking.<name>` of this one returns."""
    real, answers = getattr(locking, name), []

    def slow(*arguments):
        value = real(*arguments)
        if not answers:
            answers.append(other.take(folder))
            if release:
                other.say("release")
                other.say(folder.parent / "elsewhere")  # answered only once the first lock is released
                other.answer()
                other.say("release")
        return value

    monkeypatch.setattr(locking, name, slow)
    return answers


def test_a_slow_taker_does_not_steal_from_a_faster_one(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    leave(folder, dead())
    with takers(1) as (faster,):
        answers = interrupt(monkeypatch, "gone", faster, folder, release=False)
        with pytest.raises(BusyError, match=f"process {faster.process.pid}"), lock(folder):
            pass
        assert answers == ["won"]
        assert locks(folder) == ["lock"]


def test_a_slow_taker_gets_the_lock_once_a_faster_one_has_finished(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    leave(folder, dead())
    with takers(1) as (faster,):
        answers = interrupt(monkeypatch, "gone", faster, folder, release=True)
        with lock(folder):
            assert faster.take(folder).startswith("busy:")
        assert answers == ["won"]
        assert locks(folder) == []


def test_whoever_comes_after_the_claim_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    leave(folder, dead())
    with takers(1) as (later,):
        real, answers = locking._chain, []

        def slow(place: Path):
            if not answers and any(path.name.startswith("lock-") for path in folder.iterdir()):
                answers.append(later.take(folder))
            return real(place)

        monkeypatch.setattr(locking, "_chain", slow)
        with lock(folder):
            assert answers[0].startswith("busy:")
            assert locks(folder) == ["lock"]


def test_a_taker_that_was_killed_after_its_claim_is_succeeded(tmp_path):
    first, second, third = dead(), replace(dead(), token="a" * 32), replace(dead(), token="b" * 32)
    leave(tmp_path, first)
    leave(tmp_path, second, f"lock-{first.token}")
    leave(tmp_path, third, f"lock-{second.token}")
    with lock(tmp_path):
        assert locks(tmp_path) == ["lock"]
    assert locks(tmp_path) == []


def test_a_claim_of_a_living_process_holds(tmp_path):
    first = dead()
    leave(tmp_path, first)
    leave(tmp_path, replace(Owner.me(), token="a" * 32), f"lock-{first.token}")
    with pytest.raises(BusyError, match=f"process {os.getpid()}"), lock(tmp_path):
        pass


def test_a_lock_deleted_by_hand_and_taken_by_another_is_left_alone(tmp_path):
    with takers(1) as (other,):
        with lock(tmp_path):
            (tmp_path / "lock").unlink()
            assert other.take(tmp_path) == "won"
        assert locks(tmp_path) == ["lock"]


def test_a_forked_child_does_not_release_its_parents_lock(tmp_path):
    code = f"""
import os
from pathlib import Path
from vitscope.store.lock import lock
with lock(Path({str(tmp_path)!r})):
    if (child := os.fork()) == 0:
        raise SystemExit
    os.waitpid(child, 0)
    print(os.listdir({str(tmp_path)!r}))
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['lock']"


def test_without_hard_links_the_lock_still_excludes(tmp_path, monkeypatch):
    def refuse(*_arguments, **_options):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with lock(tmp_path):
        assert locks(tmp_path) == ["lock"]
        with pytest.raises(BusyError), lock(tmp_path):
            pass
    assert locks(tmp_path) == []


def test_a_link_whose_answer_got_lost_counts(tmp_path, monkeypatch):
    link = os.link

    def lost(*arguments, **options):
        link(*arguments, **options)
        raise OSError(errno.EEXIST, "File exists")  # NFS sent the request twice

    monkeypatch.setattr(os, "link", lost)
    with lock(tmp_path):
        assert locks(tmp_path) == ["lock"]


def test_a_place_without_permission_is_a_sentence(tmp_path, monkeypatch):
    def refuse(*_arguments, **_options):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StoreError, match=r"cannot write .*lock: the file system is read-only"), lock(tmp_path):
        pass


def test_the_cache_cannot_be_inside_a_file(tmp_path):
    (tmp_path / "cache").touch()
    with pytest.raises(StoreError, match="a file"), lock(tmp_path / "cache" / "run"):
        pass


def test_what_killed_writers_left_is_swept(tmp_path):
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / ".vitscope-0123456789abcdef.tmp").touch()
    (tmp_path / ".vitscope-0123456789abcdef.tmp").mkdir()
    (tmp_path / f"lock-{'c' * 32}").touch()
    (tmp_path / "lock-notes").touch()
    with lock(tmp_path):
        assert locks(tmp_path) == ["lock", "lock-notes", "shards"]
        assert locks(tmp_path / "shards") == []
