"""Settings: what stands above what, what is refused, and that the file survives."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import platformdirs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitscope import config
from vitscope.errors import ConfigError


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    """A file of settings that is not there yet, and none in the environment."""
    for name in [name for name in os.environ if name.startswith("VITSCOPE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("VITSCOPE_CONFIG", str(tmp_path / "deep" / "config.toml"))
    return tmp_path / "deep" / "config.toml"


EXAMPLES = {
    "data.images": "/data/photos",
    "data.imagenet": "/data/imagenet",
    "data.coco": "/data/coco",
    "data.partimagenet": "/data/PartImageNet",
    "data.roxford5k": "/data/roxford5k",
    "data.rparis6k": "/data/rparis6k",
    "data.davis": "/data/DAVIS",
    "data.spair": "/data/SPair-71k",
    "cache": "/data/cache",
    "device": "cuda:1",
    "precision": "bf16",
    "batch_size": 16,
    "workers": 0,
    "mouse": "off",
}


def write(file, text: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, "utf-8")


def test_every_setting_has_an_example():
    assert set(EXAMPLES) == set(config.SETTINGS)


def test_nothing_is_set_at_first(file):
    assert config.all() == dict.fromkeys(config.SETTINGS)
    assert not file.exists()


@pytest.mark.parametrize("key", EXAMPLES)
def test_a_value_is_kept_until_it_is_taken_back(key):
    config.set(key, str(EXAMPLES[key]))
    assert config.get(key) == EXAMPLES[key]
    assert config.all() == {**dict.fromkeys(config.SETTINGS), key: EXAMPLES[key]}
    config.unset(key)
    assert config.get(key) is None


@pytest.mark.parametrize("key", EXAMPLES)
def test_the_environment_stands_above_the_file(monkeypatch, key):
    config.set(key, EXAMPLES[key])
    other = {"device": "cpu", "precision": "fp16", "mouse": "on"}.get(
        key, 3 if isinstance(EXAMPLES[key], int) else "/other"
    )
    monkeypatch.setenv(config.variable(key), str(other))
    assert config.get(key) == other
    monkeypatch.setenv(config.variable(key), "")
    assert config.get(key) == EXAMPLES[key]


def test_all_settings_together_are_ordinary_toml(file):
    for key, value in EXAMPLES.items():
        config.set(key, value)
    settings = tomllib.loads(file.read_text("utf-8"))
    assert settings == {
        **{key: value for key, value in EXAMPLES.items() if "." not in key},
        "data": {key.partition(".")[2]: value for key, value in EXAMPLES.items() if key.startswith("data.")},
    }
    assert config.all() == EXAMPLES


def test_the_file_lies_in_the_users_config_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("VITSCOPE_CONFIG")
    monkeypatch.setattr(platformdirs, "user_config_path", lambda name: tmp_path / name)
    assert config.path() == tmp_path / "vitscope" / "config.toml"


def test_paths_are_kept_absolute_and_home_is_understood(monkeypatch, tmp_path, file):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    config.set("data.images", "photos")
    assert config.get("data.images") == str(tmp_path / "photos")
    write(file, 'cache = "~/runs"')
    assert config.get("cache") == str(tmp_path / "home" / "runs")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("batch_size", "0"),
        ("batch_size", "many"),
        ("batch_size", "1.5"),
        ("batch_size", "-1"),
        ("workers", "-1"),
        ("device", "gpu"),
        ("device", "cuda:"),
        ("precision", "fp8"),
        ("cache", ""),
        ("data.images", ""),
    ],
)
def test_wrong_values_are_refused_wherever_they_stand(monkeypatch, file, key, value):
    with pytest.raises(ConfigError, match=f"the new value: {key} is '?{value}'?, but takes"):
        config.set(key, value)
    assert not file.exists()
    *table, name = key.split(".")
    write(file, f'{"".join(f"[{part}]" for part in table)}\n{name} = "{value}"')
    with pytest.raises(ConfigError, match=f"config.toml: {key} is '?{value}'?, but takes"):
        config.get(key)
    if value:
        monkeypatch.setenv(config.variable(key), value)
        with pytest.raises(ConfigError, match=rf"\${config.variable(key)}: {key} is '?{value}'?, but takes"):
            config.get(key)


@pytest.mark.parametrize(
    "line", ["batch_size = true", "batch_size = 1.0", "workers = [1]", "cache = 1", "device = 1970-01-01"]
)
def test_values_of_another_type_are_refused(file, line):
    write(file, line)
    with pytest.raises(ConfigError, match=f"{line.split()[0]} is .*, but takes"):
        config.all()


def test_unknown_names_bring_the_nearest(file):
    for call in (config.get, config.unset, lambda key: config.set(key, 1)):
        with pytest.raises(ConfigError, match=r"no setting is called 'batchsize'. Did you mean batch_size or cache\?"):
            call("batchsize")
    with pytest.raises(ConfigError, match=r"no setting is called 'zzz'\. Known: data\.images"):
        config.get("zzz")
    write(file, 'deivce = "cpu"')
    with pytest.raises(ConfigError, match=r"config.toml: no setting is called 'deivce'. Did you mean device\?"):
        config.get("cache")


def test_what_is_unknown_in_the_file_can_be_taken_out_by_command(file):
    write(file, 'deivce = "cpu"\n[old.table]\nname = 1\n')
    config.unset("deivce")
    config.unset("old.table.name")
    config.set("device", "cpu")
    assert config.all()["device"] == "cpu"


def test_what_is_unknown_survives_writing(file):
    text = 'later = 1.5\n"odd name" = "\\u0000\\u007f\\"é😀"\nyes = true\n[a."b.c"]\nx = inf\n'
    write(file, text)
    config.set("workers", 2)
    assert tomllib.loads(file.read_text("utf-8")) == {**tomllib.loads(text), "workers": 2}


def test_what_cannot_be_written_back_is_left_alone(file):
    write(file, "list = [1, 2]\n")
    with pytest.raises(ConfigError, match="holds list, which vitscope cannot write back: edit the file by hand"):
        config.set("workers", 2)
    assert file.read_text() == "list = [1, 2]\n"
    write(file, "data = 1\n")
    with pytest.raises(ConfigError, match=r"data is a value, but data\.images needs a table"):
        config.set("data.images", "/x")


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\x00"), min_size=1))
def test_any_path_survives(text):
    config.set("cache", f"/{text}")
    assert config.get("cache") == str(Path(f"/{text}"))


def test_broken_files_are_named_with_the_line(file):
    write(file, 'cache = "/x"\ndevice = \n')
    with pytest.raises(ConfigError, match=r"config\.toml is not valid TOML: .*line 2"):
        config.get("cache")
    file.write_bytes(b'cache = "\xff"')
    with pytest.raises(ConfigError, match=r"config\.toml cannot be read: the file is not text in UTF-8"):
        config.get("cache")
    file.unlink()
    file.mkdir()
    with pytest.raises(ConfigError, match=r"config\.toml cannot be read: Is a directory"):
        config.get("cache")


def test_a_folder_that_cannot_be_made_is_an_error(monkeypatch, file):
    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", denied)
    with pytest.raises(ConfigError, match=r"cannot be written to .*config\.toml: Permission denied"):
        config.set("workers", 1)
    monkeypatch.undo()
    file.parent.write_text("in the way")
    monkeypatch.setenv("VITSCOPE_CONFIG", str(file))
    with pytest.raises(ConfigError, match=r"config\.toml cannot be read: Not a directory"):
        config.set("workers", 1)


def test_a_failed_write_leaves_the_old_settings_and_no_litter(monkeypatch, file):
    config.set("workers", 1)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="No space left on device"):
        config.set("workers", 2)
    assert config.get("workers") == 1
    assert [path.name for path in file.parent.iterdir()] == ["config.toml"]


def test_a_path_that_is_not_unicode_is_refused(file):
    with pytest.raises(ConfigError, match="TOML holds Unicode text only"):
        config.set("cache", "/caf\udce9")
    assert list(file.parent.iterdir()) == []


def test_a_link_to_the_file_stays_a_link(file, tmp_path):
    file.parent.mkdir()
    file.symlink_to(tmp_path / "dotfiles.toml")
    config.set("workers", 1)
    assert file.is_symlink()
    assert (tmp_path / "dotfiles.toml").read_text() == "workers = 1\n"
