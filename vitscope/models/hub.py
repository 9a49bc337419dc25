"""Weights on the Hugging Face Hub: are they here, or to be had? What it answers instead becomes one sentence.

It is asked once before anything is loaded, since the client itself would try for half a minute.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import timm
from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache
from huggingface_hub.constants import HF_HUB_CACHE
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from vitscope.errors import WeightsError, first_line
from vitscope.models.archives import file_digest
from vitscope.models.huggingface import CONFIG, PREPROCESSOR, WEIGHTS

BUGS = (AttributeError, NameError, TypeError)  # what no network raises
SHA256 = re.compile(r"[0-9a-f]{64}")


def check(name: str, architecture: str) -> None:
    """Raise WeightsError unless timm's `architecture` has a file in the Hub's cache, or the Hub answers."""
    config = timm.get_pretrained_cfg(architecture)
    if config is None or not (config.hf_hub_id or config.url):
        raise WeightsError(
            f"no weights for {name}: timm knows none, so give a file with --checkpoint, or say "
            f"--model random/{architecture} for the untrained model."
        )
    if not config.hf_hub_id:  # a plain URL: torch's own cache, and one attempt
        return
    repository, files = config.hf_hub_id, WEIGHTS
    if config.hf_hub_filename:
        files = (config.hf_hub_filename, *WEIGHTS)
    if cached(repository, files) is None:
        _answers(name, architecture, repository, files[0])


def cached(repository: str, files: Iterable[str] = WEIGHTS) -> Path | None:
    """The first of `files` that the Hub's cache has of a repository (ORG/NAME, perhaps @REVISION); None for none."""
    owner, _, revision = repository.partition("@")
    for file in files:
        path = try_to_load_from_cache(owner, file, revision=revision or None)
        if isinstance(path, str):
            return Path(path)
    return None


def taken(architecture: str) -> Path | None:
    """The file in the Hub's cache that timm reads for `architecture`; raises WeightsError where it is damaged."""
    config = timm.get_pretrained_cfg(architecture)
    if config is None or not config.hf_hub_id:
        return None
    files = (config.hf_hub_filename, *WEIGHTS) if config.hf_hub_filename else WEIGHTS
    path = cached(config.hf_hub_id, files)
    return path if path is None else whole(path)


def repository_of(architecture: str) -> str:
    """The repository in which timm looks for the weights of `architecture`; empty for none."""
    config = timm.get_pretrained_cfg(architecture)
    return (config and config.hf_hub_id) or ""


def snapshot(name: str, repository: str) -> Path:
    """The folder in the Hub's cache with config.json and the weights of a repository, downloaded where need be.

    Raises WeightsError with the next step: no network, no such repository, gated, too many requests, damaged.
    """
    if cached(repository, [CONFIG]) is None:
        _answers(name, "", repository, CONFIG)
    config = _download(name, repository, [CONFIG])
    weights = _download(name, repository, WEIGHTS)
    if config is None or weights is None:
        wanted = CONFIG if config is None else " or ".join(WEIGHTS[:2])
        raise WeightsError(f"no weights for {name}: the repository {repository} on the Hub has no {wanted}.")
    _download(name, repository, [PREPROCESSOR])
    whole(weights)
    return config.parent


def _download(name: str, repository: str, files: Iterable[str]) -> Path | None:
    """The first of `files` that the repository has; None for none."""
    owner, _, revision = repository.partition("@")
    for file in files:
        try:
            return Path(hf_hub_download(owner, file, revision=revision or None))
        except LocalEntryNotFoundError as error:
            if file == PREPROCESSOR:
                return None
            if cached(repository, files) is None:
                raise missing(name, "", repository, error) from error
        except EntryNotFoundError:
            continue
        except BUGS:
            raise
        except Exception as error:  # the client's network library, and with it what it raises, differs between versions
            raise missing(name, "", repository, error) from error
    return None


def whole(path: Path) -> Path:
    """The same path, after comparing the file with the sha256 that the Hub's cache calls it by; raises WeightsError."""
    stored = path.resolve()
    if SHA256.fullmatch(stored.name) and file_digest(stored) != stored.name:
        raise WeightsError(
            f"{path.name} of {path.parts[-4] if len(path.parts) > 3 else path.parent} in the Hugging Face cache is "
            f"damaged: its sha256 is not the one that the Hub gave; remove {stored} and start again."
        )
    return path


def _answers(name: str, architecture: str, repository: str, file: str) -> None:
    """Raise WeightsError unless the Hub would give a file of this repository; another file's absence is no error."""
    owner, _, revision = repository.partition("@")
    try:
        get_hf_file_metadata(hf_hub_url(owner, file, revision=revision or None))
    except BUGS:
        raise
    except Exception as error:  # as above
        if not isinstance(error, EntryNotFoundError) or isinstance(error, LocalEntryNotFoundError):
            raise missing(name, architecture, repository, error) from error


def missing(name: str, architecture: str, repository: str, error: Exception) -> WeightsError:
    """The sentence for weights that are not to be had: which file, why, and what to do."""
    own = _answer(repository, error)
    if own:
        return WeightsError(f"no weights for {name}: {own}; or give a file with --checkpoint.")
    config = timm.get_pretrained_cfg(architecture) if architecture else None
    file = (config and config.hf_hub_filename) or WEIGHTS[0]
    untrained = f"; --model random/{architecture.partition('.')[0]} is the same model untrained" if architecture else ""
    where = repository or (config and config.url) or architecture
    return WeightsError(
        f"no weights for {name}: {file} of {where} is neither in the Hugging Face cache ({HF_HUB_CACHE}) nor to be "
        f"had from the Hub ({_reason(error)}): let this machine reach the Hub once, or copy that cache from a machine "
        f"that can and set HF_HOME, or give a file with --checkpoint{untrained}."
    )


def _answer(repository: str, error: Exception) -> str:
    """What the Hub itself said, with the next step; empty where nobody answered."""
    page = f"https://huggingface.co/{repository.partition('@')[0]}"
    login = "log in with `hf auth login` or set HF_TOKEN"
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, GatedRepoError):
        said = f"{repository} is gated: accept its terms on {page}, then {login}"
    elif isinstance(error, RevisionNotFoundError):
        said = f"{repository} has no such revision: leave out what follows the @, or see {page}"
    elif isinstance(error, RepositoryNotFoundError) or status in {401, 403, 404}:
        said = f"the Hub has no repository {repository}, or it is private: check the name, or {login} if it is yours"
    elif status == 429:
        said = f"the Hub refuses {repository} for now, after too many requests: wait some minutes, or {login}"
    elif isinstance(status, int) and status >= 500:
        said = f"the Hub is out of order (status {status}): try again later"
    elif "onsistency check" in str(error):
        said = f"what came of {repository} is not what the Hub has announced: start again"
    else:
        said = ""
    return said


def _reason(error: BaseException) -> str:
    """Why nobody answered, in a few words."""
    for each in (error, error.__cause__):
        if isinstance(each, OfflineModeIsEnabled):
            return "HF_HUB_OFFLINE is set"
    return re.sub(r"^\[Errno -?\d+\] ", "", first_line(error.__cause__ or error))
