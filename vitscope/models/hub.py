"""Is a timm model's file on this machine or to be had? Asked at once, since the client itself would try for minutes."""

from __future__ import annotations

import timm
from huggingface_hub import get_hf_file_metadata, hf_hub_url, try_to_load_from_cache
from huggingface_hub.constants import HF_HUB_CACHE
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

from vitscope.errors import WeightsError

FILES = ("model.safetensors", "pytorch_model.bin", "open_clip_model.safetensors", "open_clip_pytorch_model.bin")
"""What timm looks for in a repository of the Hub."""


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
    repository, _, revision = config.hf_hub_id.partition("@")
    files = (config.hf_hub_filename, *FILES) if config.hf_hub_filename else FILES
    if any(isinstance(try_to_load_from_cache(repository, file, revision=revision or None), str) for file in files):
        return
    try:
        get_hf_file_metadata(hf_hub_url(repository, files[0], revision=revision or None))
    except HfHubHTTPError as error:
        if error.response.status_code >= 500:
            raise missing(name, architecture, error) from error
    except Exception as error:  # the client's network library, and with it what it raises, differs between versions
        raise missing(name, architecture, error) from error


def missing(name: str, architecture: str, error: Exception) -> WeightsError:
    """The sentence for weights that are not to be had: which file, why, and three ways to supply it."""
    config = timm.get_pretrained_cfg(architecture)
    file = (config and config.hf_hub_filename) or FILES[0]
    source = (config and (config.hf_hub_id or config.url)) or architecture
    return WeightsError(
        f"no weights for {name}: {file} of {source} is neither in the Hugging Face cache ({HF_HUB_CACHE}) nor to be "
        f"had from the Hub ({_reason(error)}): let this machine reach the Hub once, or copy that cache from a machine "
        f"that can and set HF_HOME, or give a file with --checkpoint; --model random/{architecture.partition('.')[0]} "
        "is the same model untrained."
    )


def _reason(error: BaseException) -> str:
    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set"
    text = str(error.__cause__ or error).strip()
    return text.splitlines()[0].rstrip(".") if text else type(error).__name__
