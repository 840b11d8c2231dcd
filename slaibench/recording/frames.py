"""Tables of a recording as data frames."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from slaibench.recording.record import Recording, columns

if TYPE_CHECKING:
    import pandas as pd


def requests_frame(recording: Recording) -> pd.DataFrame:
    """One row a request, in seconds; ``token_times_s`` holds an array a row."""
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    table = recording.requests
    values = {
        name: getattr(table, name) for name in columns(table) if not name.startswith("token_")
    }
    times = np.split(table.token_times_s, table.token_offsets[1:-1]) if len(table) else []
    return pd.DataFrame(
        {
            **values,
            "ttft_s": table.ttft_s,
            "last_token_s": table.last_token_s,
            "token_times_s": pd.Series(times, dtype=object),
        }
    )


def steps_frame(recording: Recording) -> pd.DataFrame:
    """One row an engine step."""
    import pandas as pd  # noqa: PLC0415

    return pd.DataFrame(
        {field.name: getattr(recording.steps, field.name) for field in fields(recording.steps)}
    )
