"""What a calibration keeps in its folder, so that it can go on where it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slaibench.machine.atomic_write import write_whole
from slaibench.studies.calibration.probe_plan import ProbeStep, read_steps

ABOUT = "calibration.json"
PROFILE = "profile.json"


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder of one calibration.

    ``calibration.json`` says what is measured and what the engine said of itself; each round has
    a file for each phase (the probe's lines) and one for its light load; ``profile.json`` is the
    fit of all of them.
    """

    path: Path

    @property
    def logs(self) -> Path:
        """Folder for what the engine says."""
        return self.path / "logs"

    def take(self, identity: Mapping[str, Any], *, fresh: bool) -> None:
        """Make it this calibration's.

        Raises:
            ValueError: it cannot be made, holds something else, or its path cannot be given to
                an engine.
        """
        if "," in str(self.path.resolve()):
            raise ValueError(
                f"folder {str(self.path)!r} has a comma in its path, which no scheduler's option "
                "can hold; choose another with --out"
            )
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            about = self.about() if (self.path / ABOUT).exists() else None
        except (OSError, ValueError) as error:
            raise ValueError(
                f"folder {str(self.path)!r} cannot be used ({error}); choose another with --out"
            ) from error
        if fresh:
            for file in self.path.glob("round-*"):
                file.unlink()
        elif about is not None:
            if about.get("identity") != identity:
                raise ValueError(
                    f"folder {str(self.path)!r} holds another calibration "
                    f"({_difference(about.get('identity') or {}, identity)}); choose another with "
                    "--out, or give --fresh to measure anew"
                )
            return
        elif any(self.path.iterdir()):
            raise ValueError(
                f"folder {str(self.path)!r} holds something else than a calibration; choose "
                "another with --out"
            )
        self._write(ABOUT, {"identity": identity, "facts": None})

    def about(self) -> dict[str, Any]:
        """What ``calibration.json`` holds.

        Raises:
            ValueError: not JSON.
        """
        about: dict[str, Any] = json.loads((self.path / ABOUT).read_text(encoding="utf-8"))
        return about

    def note_facts(self, facts: Mapping[str, Any]) -> None:
        """Keep what the engine said of itself."""
        self._write(ABOUT, {**self.about(), "facts": dict(facts)})

    def plan_path(self, number: int, phase: str) -> Path:
        """Where a round's plan lies; the probe writes beside it."""
        return self.path.resolve() / f"round-{number:03}-{phase}.plan"

    def keep(self, number: int, phase: str) -> None:
        """A phase is through: its lines become a part of the calibration."""
        plan = self.plan_path(number, phase)
        lines = Path(f"{plan}.steps")
        lines.touch()  # of a phase that was cut at once there are none
        lines.replace(self._steps_path(number, phase))
        plan.unlink()

    def steps(self, number: int, phase: str) -> list[ProbeStep] | None:
        """A round's steps of a phase; None: not measured."""
        path = self._steps_path(number, phase)
        if not path.exists():
            return None
        with path.open(encoding="utf-8") as lines:
            return read_steps(lines)

    def keep_delivery(self, number: int, values_s: list[float]) -> None:
        """Keep a round's light load."""
        self._write(f"round-{number:03}-light.json", values_s)

    def delivery_s(self, number: int) -> list[float] | None:
        """A round's light load; None: not measured."""
        path = self.path / f"round-{number:03}-light.json"
        if not path.exists():
            return None
        values_s: list[float] = json.loads(path.read_text(encoding="utf-8"))
        return values_s

    def write_profile(self, values: Mapping[str, Any]) -> Path:
        """Returns where it lies."""
        return self._write(PROFILE, values)

    def _steps_path(self, number: int, phase: str) -> Path:
        return self.path / f"round-{number:03}-{phase}.jsonl"

    def _write(self, name: str, values: Any) -> Path:
        path = self.path / name
        write_whole(path, json.dumps(values, indent=1, allow_nan=False) + "\n")
        return path


def _difference(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    for key in sorted({*there, *here}):
        if there.get(key) != here.get(key):
            return f"{key} {there.get(key)!r} there, {here.get(key)!r} here"
    return "the same names in another order"
