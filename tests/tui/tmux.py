"""A pane of a tmux server of its own, and an SSH server of one's own on the loopback: real ways to the browser."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import pytest

PATIENCE = 90.0  # seconds; loading torch on a busy machine takes a while


class Pane:
    """A terminal of `size` in tmux that runs `command`, then stays. Use it as a context manager."""

    def __init__(self, command: str, folder: Path, size: tuple[int, int] = (120, 40)) -> None:
        if shutil.which("tmux") is None:
            pytest.skip("tmux is not installed")
        self._tmux = ["tmux", "-S", str(folder / "tmux"), "-f", "/dev/null"]
        columns, rows = map(str, size)
        usual = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "HOME": str(folder), "PATH": os.environ["PATH"]}
        self._run("new-session", "-d", "-x", columns, "-y", rows, f"{command}; sleep 600", environment=usual)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._run("kill-server")

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names for them: l, Enter, Escape, C-c."""
        self._run("send-keys", *keys)

    def type(self, text: str) -> None:
        """Type text."""
        self._run("send-keys", "-l", text)

    def screen(self) -> str:
        """The text on the screen."""
        return self._run("capture-pane", "-p")

    def until(self, *texts: str) -> str:
        """The screen, as soon as all `texts` are on it; AssertionError if they never are."""
        end = time.monotonic() + PATIENCE
        while not all(text in (screen := self.screen()) for text in texts):
            assert time.monotonic() < end, f"{texts} did not appear; the screen shows:\n{screen}"
            time.sleep(0.05)
        return screen

    def until_not(self, text: str) -> str:
        """The screen, as soon as `text` is no longer on it."""
        end = time.monotonic() + PATIENCE
        while text in (screen := self.screen()):
            assert time.monotonic() < end, f"{text!r} did not go away; the screen shows:\n{screen}"
            time.sleep(0.05)
        return screen

    def modes(self) -> str:
        """Alternate screen, cursor, application keys, and the ways in which the mouse may be reported, as 0 and 1."""
        names = ("alternate_on", "cursor_flag", "keypad_cursor_flag", "mouse_any_flag", "mouse_all_flag")
        return self._run("display-message", "-p", " ".join(f"#{{{name}}}" for name in names)).strip()

    def _run(self, *words: str, environment: dict[str, str] | None = None) -> str:
        done = subprocess.run([*self._tmux, *words], env=environment, capture_output=True, text=True, check=True)
        return done.stdout


class Server:
    """sshd as whoever runs the tests, with keys of its own. Use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
        if program is None or not all(map(shutil.which, ("ssh", "ssh-keygen"))):
            pytest.skip("OpenSSH's client or server is not installed")
        if os.geteuid() == 0:  # where it separates its privileges; services make this folder when they start
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        settings = {
            "Port": port, "ListenAddress": "127.0.0.1", "HostKey": folder / "host", "PidFile": "none",
            "AuthorizedKeysFile": folder / "user.pub", "StrictModes": "no", "UsePAM": "no", "PermitRootLogin": "yes",
            "PasswordAuthentication": "no", "KbdInteractiveAuthentication": "no", "AllowUsers": getpass.getuser(),
        }  # fmt: skip
        (folder / "sshd_config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        self.log = folder / "sshd.log"
        self._process = subprocess.Popen([program, "-D", "-f", folder / "sshd_config", "-E", self.log])
        self.command = [
            "ssh", "-tt", "-F", "none", "-i", str(folder / "user"), "-p", str(port), "-o", "IdentitiesOnly=yes",
            "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={folder / 'known'}", "-o", "LogLevel=ERROR",
            f"{getpass.getuser()}@127.0.0.1",
        ]  # fmt: skip
        self._wait(port)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    def _wait(self, port: int) -> None:
        end = time.monotonic() + PATIENCE
        while True:
            assert self._process.poll() is None, self.log.read_text()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.05)


def script(folder: Path, command: Sequence[str], environment: dict[str, str]) -> Path:
    """A shell script that runs `command` between two looks at the terminal's settings, and says how it ended."""
    file = folder / "run.sh"
    quoted = " ".join(f"'{word}'" for word in command)
    lines = [
        *(f"export {name}='{value}'" for name, value in environment.items()),
        f"stty -a > '{folder}/before'",
        f'sh -c \'echo $$ > "{folder}/pid"; exec "$@"\' - {quoted}',
        "code=$?",
        f"stty -a > '{folder}/after'",
        'echo "left with $code"',
    ]
    file.write_text("\n".join([*lines, ""]))
    return file
