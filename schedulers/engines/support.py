"""Which releases of an engine can be steered, and how large a scheduler's batches may be there."""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass
from importlib import import_module

from slaibench.schedulers.base import Scheduler

logger = logging.getLogger(__name__)


class UnsupportedEngineError(RuntimeError):
    """This engine, or how it was started, cannot be steered; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Releases:
    """The releases of an engine that our adapter was tested with.

    Args:
        name: as its makers write it: ``vLLM``.
        package: of Python; our adapter's module has the same name.
        oldest, newest: the first numbers of a version, as many in both.
        any_version: environment variable: 1 tries another release all the same.
    """

    name: str
    package: str
    oldest: tuple[int, ...]
    newest: tuple[int, ...]
    any_version: str

    @property
    def adapter(self) -> str:
        """The module in which our adapter begins."""
        return f"{__package__}.{self.package}"

    @property
    def tested(self) -> str:
        """In words."""
        return " to ".join(".".join(map(str, release)) for release in (self.oldest, self.newest))

    def check(self, version: str | None = None) -> str:
        """The version that is installed.

        Args:
            version: check this one instead.

        Raises:
            UnsupportedEngineError: not installed, older than what is supported, or no release.
        """
        if version is None:
            try:
                version = str(import_module(self.package).__version__)
            except ImportError as error:
                raise UnsupportedEngineError(f"{self.name} cannot be imported: {error}") from error
            if self.is_untested(version):
                logger.warning(
                    "%s %s is newer than what was tested: %s", self.name, version, self.tested
                )
        numbers = self._numbers(version)
        if (numbers is None or numbers < self.oldest) and not self._takes_any:
            raise UnsupportedEngineError(
                f"{self.name} {version} is not supported: {self.adapter} steers versions "
                f"{self.tested} and newer ones; install one of them, or set {self.any_version}=1 "
                "to try this one"
            )
        return version

    def is_untested(self, version: str) -> bool:
        """Whether a version is newer than what was tested, and nobody has said to try it anyway."""
        numbers = self._numbers(version)
        return numbers is not None and numbers > self.newest and not self._takes_any

    def is_before(self, release: tuple[int, ...], version: str) -> bool:
        """Whether a version is older than a release; one without numbers is not."""
        numbers = self._numbers(version)
        return numbers is not None and numbers < release

    @property
    def _takes_any(self) -> bool:
        return os.environ.get(self.any_version) == "1"

    def _numbers(self, version: str) -> tuple[int, ...] | None:
        match = re.match(r"\.".join([r"(\d+)"] * len(self.oldest)), version)
        return tuple(map(int, match.groups())) if match else None


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """The largest batches that an engine was started for, and the flags that say so.

    Args:
        name: the engine's.
        tokens: of a batch.
        active: requests that hold KV blocks.
        decode_tokens: of a batch, what a decode takes (``EngineView.tokens_per_decode``).
    """

    name: str
    tokens: int
    tokens_flag: str
    active: int
    active_flag: str
    decode_tokens: int = 1

    def check(self, scheduler: Scheduler) -> None:
        """Refuse a scheduler that may want larger batches than the engine was started for.

        Raises:
            UnsupportedEngineError: with both ways out.
        """
        tokens, active = scheduler.token_budget, scheduler.max_active
        if tokens > self.tokens:
            raise UnsupportedEngineError(
                f"scheduler {scheduler.name!r} makes batches of up to {tokens} tokens, {self.name} "
                f"was started for {self.tokens}: start it with {self.tokens_flag} {tokens}, or "
                f"give the scheduler token_budget={self.tokens}"
            )
        if tokens < self.decode_tokens:
            raise UnsupportedEngineError(
                f"scheduler {scheduler.name!r} makes batches of up to {tokens} tokens, and a "
                f"decode verifies {self.decode_tokens}: give it token_budget={self.decode_tokens} "
                "or more"
            )
        if active > self.active:
            raise UnsupportedEngineError(
                f"scheduler {scheduler.name!r} keeps up to {active} requests active, {self.name} "
                f"was started for {self.active}: start it with {self.active_flag} {active}, or "
                f"give the scheduler max_active={self.active}"
            )
