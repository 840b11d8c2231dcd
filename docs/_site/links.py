"""Links of docs/ on the site: what lies outside docs/ is shown by the repository, if one is named.

The pages are read on a hosting site, in an editor and here. There a link to ../schedulers/hrrn.py
works as it is. MkDocs has pages of docs/ only: with SLAIBENCH_REPOSITORY_URL set (the workflow sets
it), such a link leads into the repository; else its text stays, without a link.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import Any

REPOSITORY = "SLAIBENCH_REPOSITORY_URL"
OUTSIDE = re.compile(r"\[(?P<text>[^]\[]*)\]\((?P<target>\.\./[^)\s]+)\)")
ROOT = Path(__file__).parents[2]


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """MkDocs' hook: a page's text, with links that lead somewhere.

    Raises:
        FileNotFoundError: a link to a file that is not in the repository.
    """
    base, repository = posixpath.dirname(page.file.src_uri), os.environ.get(REPOSITORY)

    def link(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join("docs", base, match["target"]))
        if not (ROOT / target.partition("#")[0]).exists():
            raise FileNotFoundError(
                f"docs/{page.file.src_uri} links to {target}, which is not here"
            )
        if not repository:
            return match["text"]
        return f"[{match['text']}]({repository.rstrip('/')}/blob/main/{target})"

    return OUTSIDE.sub(link, markdown)
