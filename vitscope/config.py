"""Settings that are typed once: a small TOML file in the user's config folder, and environment variables above it.

`$VITSCOPE_CONFIG` names another file. A setting called `data.images` is read from `$VITSCOPE_DATA_IMAGES` first and
from the key `images` of the table `[data]` next. Whoever asks decides what stands above both: an option always does.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from vitscope.errors import ConfigError


@dataclass(frozen=True)
class Setting:
    """What a setting is for, and which values it takes: any path, a whole number from `least`, or a pattern."""

    about: str
    kind: type = str  # Path is kept as text, absolute
    least: int = 0
    pattern: str = r"[^\0]+"


SETTINGS: dict[str, Setting] = {
    "data.images": Setting("folder of images that `extract` reads without --data", Path),
    "data.imagenet": Setting("folder of ImageNet, whose ImageNet-50 `extract` reads without --data", Path),
    "data.coco": Setting("folder of COCO 2017", Path),
    "data.partimagenet": Setting("folder of PartImageNet", Path),
    "data.roxford5k": Setting("folder of ROxford5k", Path),
    "data.rparis6k": Setting("folder of RParis6k", Path),
    "data.davis": Setting("folder of DAVIS-2017", Path),
    "data.spair": Setting("folder of SPair-71k", Path),
    "cache": Setting("folder of the cache, without --cache", Path),
    "device": Setting("auto, cpu, cuda, cuda:1, mps", pattern=r"auto|cpu|mps|cuda(:\d+)?"),
    "precision": Setting("fp32, bf16 or fp16", pattern="fp32|bf16|fp16"),
    "batch_size": Setting("images in a forward pass", int, least=1),
    "workers": Setting("processes that decode images; 0: none besides the main one", int),
    "mouse": Setting("on or off: whether the browser takes clicks", pattern="on|off"),
}


KEYS = "keys"
"""The table of keys in the browser, by the names of what they do; `tui.keymap` knows which there are."""


def path() -> Path:
    """The file of settings, which need not be there."""
    return Path(os.environ.get("VITSCOPE_CONFIG") or platformdirs.user_config_path("vitscope") / "config.toml")


def variable(key: str) -> str:
    """The environment variable that stands above the file.

    >>> variable("data.images")
    'VITSCOPE_DATA_IMAGES'
    """
    return f"VITSCOPE_{key.upper().replace('.', '_')}"


def at_home(path: str | Path) -> Path:
    """`path` with the home folder in place of a ~ in front; as it is where there is no such home.

    >>> at_home("~nobody-is-called-so/cache").as_posix()
    '~nobody-is-called-so/cache'
    """
    return Path(os.path.expanduser(path))  # noqa: PTH111 (pathlib's raises where there is no such home)


def get(key: str) -> Any:
    """The value of a setting, a str or an int as SETTINGS says; None if it is set nowhere. Raises ConfigError."""
    _known(key)
    return all()[key]


def all() -> dict[str, Any]:  # noqa: A001 (config.all() reads as what it is)
    """Every setting with its value or None; raises ConfigError if a value is wrong or the file holds anything else."""
    in_file = _flat(_read())
    for key in in_file:
        if not key.startswith(f"{KEYS}."):
            _known(key, f"{path()}: ")
    found = {}
    for key in SETTINGS:
        if text := os.environ.get(variable(key)):
            found[key] = _checked(key, text, f"${variable(key)}")
        elif key in in_file:
            found[key] = _checked(key, in_file[key], str(path()))
        else:
            found[key] = None
    return found


def keys() -> dict[str, str]:
    """The table [keys]: what the browser does, and its keys; {} without one. Raises ConfigError."""
    found = _read().get(KEYS, {})
    if not isinstance(found, dict):
        raise ConfigError(f"{path()}: {KEYS} is a value, but names a table: write [{KEYS}] above the keys.")
    for name, value in found.items():
        if not isinstance(value, str):
            raise ConfigError(f'{line(name)}: {name} takes keys in quotation marks, as in {name} = "j down".')
    return found


def line(name: str) -> str:
    """Where the file names a key of the table [keys], for a message."""
    table = ""
    with suppress(OSError, UnicodeDecodeError):
        for number, text in enumerate(path().read_text("utf-8").splitlines(), start=1):
            if found := re.match(r"\s*\[\s*([^\]]+?)\s*\]", text):
                table = found[1]
            dotted = rf"\s*{KEYS}\s*\.\s*" if not table else r"\s*"
            if table in {"", KEYS} and re.match(rf'{dotted}["\']?{re.escape(name)}["\']?\s*=', text):
                return f"{path()}, line {number}"
    return f"{path()}"


def set(key: str, value: str | int) -> None:  # noqa: A001
    """Keep a value in the file, which is made if need be; a relative path is kept as absolute. Raises ConfigError."""
    _known(key)
    checked = _checked(key, value, "the new value")
    if SETTINGS[key].kind is Path:
        checked = str(Path(str(checked)).absolute())
    tables = _read()
    *above, last = key.split(".")
    table = tables
    for name in above:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            raise ConfigError(f"{path()}: {name} is a value, but {key} needs a table: take it out with an editor.")
    table[last] = checked
    _write(tables)


def unset(key: str) -> None:
    """Take a setting out of the file, also one that vitscope does not know; no harm if it is not there."""
    tables = _read()
    if key not in _flat(tables):
        _known(key)
        return
    *above, last = key.split(".")
    table = tables
    for name in above:
        table = table[name]
    del table[last]
    _write(tables)


def _known(key: str, where: str = "") -> None:
    """Raise ConfigError unless there is a setting called `key`."""
    if key not in SETTINGS:
        near = difflib.get_close_matches(key, SETTINGS, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(near)}? " if near else ""
        raise ConfigError(f"{where}no setting is called {key!r}. {hint}Known: {', '.join(SETTINGS)}.")


def _checked(key: str, value: object, source: str) -> str | int:
    """`value` (text, or what TOML says) as the setting's kind; raises ConfigError naming `source`."""
    setting = SETTINGS[key]
    if setting.kind is int:
        if isinstance(value, str) and re.fullmatch(r"\d{1,9}", value):
            value = int(value)
        if type(value) is int and value >= setting.least:
            return value
        raise ConfigError(f"{source}: {key} is {value!r}, but takes a whole number from {setting.least}.")
    if not isinstance(value, str) or not re.fullmatch(setting.pattern, value):
        takes = "a path" if setting.kind is Path else setting.about
        raise ConfigError(f"{source}: {key} is {value!r}, but takes {takes}.")
    return str(at_home(value)) if setting.kind is Path else value


def _flat(tables: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Nested tables as one with dotted keys."""
    flat: dict[str, Any] = {}
    for name, value in tables.items():
        flat |= _flat(value, f"{above}{name}.") if isinstance(value, dict) else {f"{above}{name}": value}
    return flat


def _read() -> dict[str, Any]:
    """What the file holds, unchecked; nothing if it is not there."""
    try:
        text = path().read_text("utf-8")
        import tomllib  # noqa: PLC0415 (most have no such file, and the browser starts sooner without)

        tables = tomllib.loads(text)
        _flat(tables)
        return tables
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"the settings in {path()} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"the settings in {path()} cannot be read: the file is not text in UTF-8.") from None
    except RecursionError:
        raise ConfigError(f"{path()} nests tables or lists without end: correct it, or remove the file.") from None
    except ValueError as error:  # also a number of thousands of digits
        raise ConfigError(f"{path()} is not valid TOML: {error}. Correct it, or remove the file.") from None


def _write(tables: dict[str, Any]) -> None:
    """Replace the file in one step, so that whoever reads it meanwhile finds the old or the new settings."""
    text = "\n".join(_toml(tables)).strip() + "\n"
    target = path().resolve()  # a link stays a link
    temporary = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=target.parent, delete=False) as file:
            temporary = Path(file.name)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except UnicodeEncodeError:
        raise ConfigError("the value cannot be kept: TOML holds Unicode text only, and this is none.") from None
    except OSError as error:
        raise ConfigError(f"the settings cannot be written to {target}: {error.strerror}.") from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _toml(table: dict[str, Any], above: str = "") -> list[str]:
    """Lines of TOML: values first, then tables."""
    lines = [f"{_name(key)} = {_value(key, value)}" for key, value in table.items() if not isinstance(value, dict)]
    for key, value in table.items():
        if isinstance(value, dict) and value:
            lines += ["", f"[{above}{_name(key)}]", *_toml(value, f"{above}{_name(key)}.")]
    return lines


def _name(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _quoted(key)


def _value(key: str, value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, int | float):
        return repr(value)
    raise ConfigError(f"{path()} holds {key}, which vitscope cannot write back: edit the file by hand.")


def _quoted(text: str) -> str:
    """A basic string: JSON's escapes are TOML's, but for DEL, which TOML wants escaped too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
