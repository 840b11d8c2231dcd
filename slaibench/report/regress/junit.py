"""A regression run as JUnit XML: a suite a scheduler, a test case a metric and rate."""

from __future__ import annotations

import re
from xml.etree import ElementTree as Tree

from slaibench.measure.regression import ChangeVerdict
from slaibench.report.regress import words
from slaibench.studies.regression.result import RegressResult, Row

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(result: RegressResult) -> str:
    """The document. Worse is a failure, what cannot be told is skipped, the rest passed."""
    root = Tree.Element("testsuites", _counts(result.rows, result.name))
    for scheduler in dict.fromkeys(row.scheduler for row in result.rows):
        rows = [row for row in result.rows if row.scheduler == scheduler]
        suite = Tree.SubElement(root, "testsuite", _counts(rows, _xml(scheduler)))
        for row in rows:
            _case(suite, result, row)
    Tree.indent(root)
    return Tree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: Tree.Element, result: RegressResult, row: Row) -> None:
    name = f"{row.words} at {row.rate_rps:g} requests/s"
    case = Tree.SubElement(
        suite, "testcase", classname=_xml(f"{result.name}.{row.scheduler}"), name=_xml(name)
    )
    if row.verdict is ChangeVerdict.WORSE:
        failure = Tree.SubElement(case, "failure", type="worse", message=_xml(words.moved(row)))
        failure.text = _xml("\n".join(words.about(result)))
    elif row.verdict is ChangeVerdict.UNKNOWN:
        Tree.SubElement(case, "skipped", message=_xml(f"cannot tell: {words.detail(row)}"))
    else:
        output = Tree.SubElement(case, "system-out")
        output.text = _xml(f"{row.verdict.value}; {words.moved(row)}")


def _counts(rows: tuple[Row, ...] | list[Row], name: str) -> dict[str, str]:
    verdicts = [row.verdict for row in rows]
    return {
        "name": _xml(name),
        "tests": str(len(verdicts)),
        "failures": str(verdicts.count(ChangeVerdict.WORSE)),
        "errors": "0",
        "skipped": str(verdicts.count(ChangeVerdict.UNKNOWN)),
    }


def _xml(text: str) -> str:
    """Text without the characters that XML has no way to write."""
    return _NOT_XML.sub("?", text)
