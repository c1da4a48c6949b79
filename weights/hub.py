"""Files of Hugging Face repositories: the one place that asks the hub's client (floor 0)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class HubError(RuntimeError):
    """The hub did not deliver; the message is its reason, in a line."""


def hub_folder(repo: str, patterns: Sequence[str], into: Path | None = None, *, offline: bool = False) -> Path:
    """A folder with files of a repository, downloaded unless they are there.

    Args:
        repo: `owner/name`.
        patterns: file names or wild cards below the repository's root.
        into: where to; None uses the hub's own cache.
        offline: nothing is downloaded.

    Raises:
        HubError: they cannot be had.
    """
    try:
        from huggingface_hub import snapshot_download

        return Path(snapshot_download(repo, allow_patterns=list(patterns), local_dir=into, local_files_only=offline))
    except Exception as error:  # its error classes differ between versions
        raise HubError(_reason(error)) from error


def hub_file(repo: str, filename: str, revision: str | None, into: Path) -> Path:
    """One file of a repository, downloaded into a folder.

    Raises:
        HubError: it cannot be had.
    """
    try:
        from huggingface_hub import hf_hub_download

        return Path(hf_hub_download(repo, filename, revision=revision, local_dir=str(into)))
    except Exception as error:
        raise HubError(_reason(error)) from error


def was_fetched(repo: str, filename: str) -> bool:
    """Whether a file of a repository lies in the hub's own cache; nothing is fetched.

    Args:
        repo: `owner/name`; where the hub could have none of that name, nothing lies here.
        filename: below the repository's root.
    """
    try:
        from huggingface_hub import try_to_load_from_cache

        return isinstance(try_to_load_from_cache(repo, filename), str)
    except (ImportError, ValueError):
        return False


def _reason(error: Exception) -> str:
    if isinstance(error, ImportError):
        return "huggingface_hub is not installed"
    return " ".join(str(error).split())[:300] or type(error).__name__
