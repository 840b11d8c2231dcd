"""Models of the Hugging Face hub: from the cache of this machine, then from the hub.

``huggingface_hub`` does both, so its variables hold: HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN,
HF_HUB_OFFLINE. It is imported only where an id is looked up; the core does without.
"""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from slaibench.catalog.fields import CatalogError

CONFIG = "config.json"
INDEX = "model.safetensors.index.json"
FILES = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja", "*.tiktoken", "*.py")
"""What engines read of a repository: weights in the one format that they all take, and the rest."""
OTHER_FORMATS = ("*.bin", "*.pt")
"""Weights of repositories that have no ``*.safetensors``."""
NOT_READ = ("original/*", "onnx/*", "*.gguf", "consolidated*")
TIMEOUT_S = 10.0
NUM_SEARCHED = 20
ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@[\w./-]+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class HubId:
    """A model of the hub, as ``owner/name`` or ``owner/name@revision``.

    Args:
        revision: a branch, a tag or a commit; None: the main branch.
    """

    repository: str
    revision: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """None: it has another form, or is a file or folder that is here."""
        if not ID.fullmatch(text) or Path(text).exists():
            return None
        repository, _, revision = text.partition("@")
        return cls(repository, revision or None)

    def __str__(self) -> str:
        return f"{self.repository}@{self.revision}" if self.revision else self.repository

    @property
    def name(self) -> str:
        """Without the owner."""
        return self.repository.rpartition("/")[2]

    @property
    def download(self) -> str:
        """The command that puts it into a folder."""
        revision = f" --revision {self.revision}" if self.revision else ""
        return f"hf download {self.repository}{revision} --local-dir {self.name}"


def config_file(model: HubId) -> Path:
    """Its ``config.json``, in the cache.

    Raises:
        CatalogError: it cannot be had; with the way out.
    """
    hub = _library(model)
    cached = hub.try_to_load_from_cache(model.repository, CONFIG, revision=model.revision)
    if isinstance(cached, str):
        return Path(cached)
    try:
        _info(model, hub)
        return Path(hub.hf_hub_download(model.repository, CONFIG, revision=model.revision))
    except Exception as error:  # Its type depends on the HTTP library of the hub's client.
        raise _refusal(model, error, hub) from error


def snapshot(model: HubId) -> Path:
    """A folder with all that an engine reads of it, weights included; in the cache.

    What the cache has whole is taken as it is. The folder's name is the commit.

    Raises:
        CatalogError: it cannot be had; with the way out.
    """
    config = config_file(model)
    if has_weights(config.parent):
        return config.parent
    hub = _library(model)
    patterns = [*FILES]
    try:
        info = _info(model, hub)
        if not any(file.rfilename.endswith(".safetensors") for file in info.siblings or ()):
            patterns += OTHER_FORMATS
        folder = Path(
            hub.snapshot_download(
                model.repository,
                revision=model.revision,
                allow_patterns=patterns,
                ignore_patterns=[*NOT_READ],
            )
        )
    except Exception as error:  # as above
        raise _refusal(model, error, hub) from error
    if not has_weights(folder):
        raise CatalogError(
            f"Hugging Face model {str(model)!r} has no weights that an engine reads "
            f"(*.safetensors or *.bin): give another id, or a folder that has them"
        )
    return folder


def checkpoint(text: str) -> str:
    """What an engine is to load for ``--weights``: a folder, if it can be had here.

    Without huggingface_hub in this Python, an id goes to the engine as it is: the engine's Python
    has the package.

    Raises:
        CatalogError: an id that cannot be had, or one with a revision and no huggingface_hub.
    """
    model = HubId.parse(text)
    if model is None or (model.revision is None and find_spec("huggingface_hub") is None):
        return text
    return str(snapshot(model))


def commit(text: str) -> str | None:
    """Which commit of a model is in the cache; None: of none, or no id of the hub."""
    model = HubId.parse(text)
    if model is None or find_spec("huggingface_hub") is None:
        return None
    hub = _library(model)
    cached = hub.try_to_load_from_cache(model.repository, CONFIG, revision=model.revision)
    return Path(cached).parent.name if isinstance(cached, str) else None


def has_weights(folder: Path) -> bool:
    """Whether a folder holds weights; if it says which files these are, all of them."""
    index = folder / INDEX
    if index.is_file():
        files = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        return all((folder / name).is_file() for name in files)
    return any(next(folder.glob(pattern), None) for pattern in ("*.safetensors", *OTHER_FORMATS))


def _library(model: HubId) -> Any:
    try:
        import huggingface_hub  # noqa: PLC0415
    except ImportError as error:
        raise CatalogError(
            f"{str(model)!r} looks like a Hugging Face id, and to find it the package "
            "huggingface_hub is needed: pip install 'slaibench[hub]'; or download it elsewhere "
            f"({model.download}) and give the folder"
        ) from error
    return huggingface_hub


def _info(model: HubId, hub: Any) -> Any:
    """What the hub says of a model. Asked first: a download retries for half a minute, loudly,
    before it says that there is no network."""
    return hub.HfApi().model_info(model.repository, revision=model.revision, timeout=TIMEOUT_S)


def _refusal(model: HubId, error: Exception, hub: Any) -> CatalogError:
    """The error for a model that cannot be had: why, and the way out.

    Of the hub's own words only those are repeated that hold no header: a token is never printed.
    """
    from huggingface_hub import errors  # noqa: PLC0415

    page = f"{hub.constants.ENDPOINT}/{model.repository}"
    fetch = f"download it where that can be done ({model.download}) and give the folder"
    kind, why = f"Hugging Face model {str(model)!r}", ""
    if isinstance(error, errors.GatedRepoError):
        why = (
            f"is gated: accept its terms at {page}, and set HF_TOKEN to a token of your account; "
            "or give the folder of a copy"
        )
    elif isinstance(error, errors.RepositoryNotFoundError):
        near = _nearest(model, hub)
        guess = f"did you mean {near!r}? Else " if near else ""
        why = (
            f"is not on {hub.constants.ENDPOINT}, or it is private: {guess}set HF_TOKEN for a "
            "private one, or give a folder"
        )
    elif isinstance(error, errors.RevisionNotFoundError):
        why = f"has no revision {model.revision or 'main'!r}: see {page}, or leave @... out"
    elif hub.constants.HF_HUB_OFFLINE:
        why = f"is not in {hub.constants.HF_HUB_CACHE}, and HF_HUB_OFFLINE is set: {fetch}"
    elif isinstance(error, errors.EntryNotFoundError):
        why = f"has no {CONFIG}: an engine cannot tell what it is; give another id, or a folder"
    else:
        response = getattr(error, "response", None)
        status = getattr(response, "status_code", None)
        answer = f"answers with status {status}" if status else "does not answer"
        said = "" if status else f" ({str(error).partition(chr(10))[0]})"
        where = f"is not in {hub.constants.HF_HUB_CACHE}, and {hub.constants.ENDPOINT} {answer}"
        why = f"{where}{said}: {fetch}"
    return CatalogError(f"{kind} {why}")


def _nearest(model: HubId, hub: Any) -> str | None:
    """The id on the hub that is most like one that is not there; None: none is."""
    try:
        listed = hub.HfApi().list_models(search=model.name, limit=NUM_SEARCHED)
        names = {info.id.lower(): info.id for info in listed}
    except Exception:  # A guess is not worth an error of its own.
        return None
    near = difflib.get_close_matches(model.repository.lower(), names, n=1, cutoff=0.5)
    return names[near[0]] if near else None
