"""Requests out of conversations; token counts here are words, so that they can be read off."""

from __future__ import annotations

import bz2
import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slaibench.workloads.conversation_file import read_conversations
from slaibench.workloads.conversations import (
    Limits,
    rounds,
)
from slaibench.workloads.errors import WorkloadError


def words(text: str) -> int:
    return len(text.split())


def conversation(*turns: tuple[str, str], key: str = "items") -> dict[str, object]:
    return {"id": "x", key: [{"from": role, "value": text} for role, text in turns]}


CHAT = (
    ("system", "be brief"),
    ("human", "how are you"),
    ("gpt", "fine"),
    ("human", "good to hear"),
    ("gpt", "is it not"),
)


def pairs(conversations, limits=None) -> list[tuple[int, int]]:
    lengths = rounds(conversations, words, limits or Limits()).lengths
    return list(zip(lengths.prompt_tokens.tolist(), lengths.output_tokens.tolist(), strict=True))


@pytest.mark.parametrize("key", ["items", "conversations"])
def test_each_assistant_turn_is_a_request_whose_prompt_is_all_before_it(key):
    assert pairs([conversation(*CHAT, key=key)]) == [(5, 1), (9, 3)]


def test_a_prompt_begins_anew_with_each_conversation():
    requests = rounds([conversation(*CHAT)] * 2, words, Limits())
    assert requests.lengths.prompt_tokens.tolist() == [5, 9, 5, 9]
    assert requests.num_rounds == 4


@pytest.mark.parametrize(
    ("limits", "kept"),
    [
        (Limits(12, 3), [(5, 1), (9, 3)]),
        (Limits(11, 3), [(5, 1)]),
        (Limits(12, 2), [(5, 1)]),
        (Limits(5, 3), []),
    ],
)
def test_what_exceeds_a_limit_is_left_out_not_cut(limits, kept):
    requests = rounds([conversation(*CHAT)], words, limits)
    assert pairs([conversation(*CHAT)], limits) == kept
    assert requests.num_rounds == 2


def test_a_long_answer_left_out_still_is_part_of_later_prompts():
    chat = conversation(("human", "a"), ("gpt", "b c d"), ("human", "e"), ("gpt", "f"))
    assert pairs([chat], Limits(max_output_tokens=2)) == [(5, 1)]


def test_nothing_is_counted_once_no_later_round_can_fit():
    counted = []

    def count(text: str) -> int:
        counted.append(text)
        return words(text)

    rounds([conversation(*CHAT)], count, Limits(max_total_tokens=5))
    assert counted == ["be brief", "how are you"]


def test_requests_without_prompt_or_output_are_left_out():
    assert pairs([conversation(("gpt", "hi"), ("human", "yes"), ("gpt", ""), ("gpt", "so"))]) == [
        (2, 1)
    ]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("text", "conversation 2: an object is needed, not 'text'"),
        ({"id": 1, "said": []}, "one of items, conversations,.*found: id, said"),
        ({"items": [{"value": "hi"}]}, r"conversation 2: each turn needs 'from' \(or 'role'\)"),
        ({"items": [{"from": "human", "value": 3}]}, "conversation 2: each turn needs"),
        ({"items": ["hi"]}, "each turn needs"),
        ({"items": "hi"}, "a list under one of items"),
        ({"items": "[" * 200_000}, "conversation 2: it is nested too deeply"),
    ],
)
def test_malformed_conversations_are_named_by_position(bad, message):
    with pytest.raises(WorkloadError, match=message):
        rounds([conversation(*CHAT), bad], words, Limits())


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"[{", "not readable as JSON"), (b"{}", "a list of conversations"), (b"[]", "not an empty")],
)
def test_files_of_another_form_are_refused(tmp_path: Path, content, message):
    path = tmp_path / "c.json"
    path.write_bytes(content)
    with pytest.raises(WorkloadError, match=message):
        read_conversations(path)
    with pytest.raises(WorkloadError, match="no such file"):
        read_conversations(tmp_path / "none.json")


@pytest.mark.parametrize(
    "role", ["gpt", "GPT", "Assistant", "model", "claude", "Bard", "bing", "chatgpt"]
)
def test_who_answers_is_known_by_any_name_in_use(role):
    assert pairs([conversation(("System", "be brief"), ("User", "why"), (role, "so"))]) == [(3, 1)]


@pytest.mark.parametrize("key", ["conversations", "conversation", "messages", "items"])
def test_turns_are_found_under_any_name_in_use(key):
    chat = {key: [{"role": "user", "content": "a b"}, {"role": "assistant", "content": "c"}]}
    assert pairs([chat]) == [(2, 1)]


@pytest.mark.parametrize("empty", [None, [], "", {}])
def test_an_empty_list_hides_no_turns_under_another_name(empty):
    assert pairs([conversation(*CHAT, key="messages") | {"conversations": empty}]) == [
        (5, 1),
        (9, 3),
    ]


@pytest.mark.parametrize("key", ["system", "system_prompt"])
def test_what_the_system_says_beside_the_turns_is_part_of_prompts(key):
    assert pairs([conversation(*CHAT[1:]) | {key: "be very brief"}]) == [(6, 1), (10, 3)]
    assert pairs([conversation(*CHAT) | {key: "be brief"}]) == [(5, 1), (9, 3)]  # said once
    assert pairs([conversation(*CHAT) | {key: None}]) == [(5, 1), (9, 3)]
    requests = rounds([conversation(*CHAT) | {key: 7}], words, Limits())
    assert requests.lengths.prompt_tokens.tolist() == [5, 9]
    assert requests.remarks == "system prompts that are no text left out: 1"


def test_a_text_may_come_in_parts_and_what_is_no_text_is_counted():
    parts = [{"type": "text", "text": "a b"}, {"type": "image_url", "image_url": {}}, " c"]
    chat = {"messages": [{"role": "user", "content": parts}, {"role": "model", "content": "d"}]}
    requests = rounds([chat], words, Limits())
    assert requests.lengths.prompt_tokens.tolist() == [3]
    assert requests.remarks == "parts that are no text left out: 1"


def test_what_has_no_text_is_left_out_and_counted():
    chats = [
        conversation(("human", "a"), ("gpt", None), ("human", "b"), ("gpt", "c")),
        {"items": [None, {"from": "human"}, {"from": "gpt", "value": "x"}]},
        {"items": None},
        {"items": []},
        None,
    ]
    requests = rounds(chats, words, Limits())
    assert requests.lengths.prompt_tokens.tolist() == [2]
    assert requests.remarks == (
        "conversations without turns left out: 3, turns without a text left out: 3"
    )


def test_half_a_character_is_replaced_and_counted():
    def count(text: str) -> int:
        return len(text.encode().split())

    requests = rounds(
        [conversation(("human", "a \ud83d b"), ("gpt", "\ud83d\ude00"))], count, Limits()
    )
    assert (requests.lengths.prompt_tokens.tolist(), requests.num_rounds) == ([3], 1)
    assert requests.remarks == "turns with half a character, which was replaced: 2"


def test_who_speaks_is_reported_where_nobody_answers():
    requests = rounds(
        [conversation(("human", "a"), ("oracle", "b"), ("human", "c"))], words, Limits()
    )
    assert (requests.num_rounds, requests.speakers) == (0, "human, oracle")


@pytest.mark.parametrize("name", ["c.jsonl", "c.ndjson", "c.json", "c.jsonl.gz", "c.json.bz2"])
def test_one_conversation_a_line_is_read_whatever_the_files_name(tmp_path: Path, name):
    opener = {".gz": gzip.open, ".bz2": bz2.open}.get(Path(name).suffix, open)
    with opener(tmp_path / name, "wt") as file:
        file.write("".join(json.dumps(conversation(*CHAT)) + "\n" for _ in range(2)))
    assert pairs(read_conversations(tmp_path / name)) == [(5, 1), (9, 3)] * 2


def test_one_conversation_alone_is_read(tmp_path: Path):
    (tmp_path / "c.json").write_text(json.dumps(conversation(*CHAT)))
    assert pairs(read_conversations(tmp_path / "c.json")) == [(5, 1), (9, 3)]


def test_parquet_of_the_hub_is_read(tmp_path: Path):
    turns = [{"from": role, "value": text, "weight": None} for role, text in CHAT]
    nested = pa.table({"id": ["x"], "conversations": [turns]})
    as_text = pa.table({"messages": [json.dumps(turns)]})
    for number, table in enumerate((nested, as_text)):
        pq.write_table(table, tmp_path / f"{number}.parquet")
        assert pairs(read_conversations(tmp_path / f"{number}.parquet")) == [(5, 1), (9, 3)]
    chat = nested["conversations"].to_pylist()
    empty = pa.table({"conversations": [None, []], "messages": chat * 2, "system": ["a b", None]})
    pq.write_table(empty, tmp_path / "empty.parquet")
    requests = pairs(read_conversations(tmp_path / "empty.parquet"))
    assert requests == [(7, 1), (11, 3), (5, 1), (9, 3)]
    pq.write_table(pa.table({"prompt": ["x"]}), tmp_path / "other.parquet")
    with pytest.raises(WorkloadError, match=r"no column of items, .*; found: prompt"):
        read_conversations(tmp_path / "other.parquet")
    # The package datasets hands a list of objects over as an object of lists.
    columns = {"from": [role for role, _ in CHAT], "value": [text for _, text in CHAT]}
    assert pairs([{"conversations": columns}]) == [(5, 1), (9, 3)]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"[" * 200_000, "nested too deeply"), (b"[1" + b"0" * 9999 + b"]", "not readable as JSON")],
)
def test_what_python_cannot_read_is_a_sentence(tmp_path: Path, content, message):
    (tmp_path / "c.json").write_bytes(content)
    with pytest.raises(WorkloadError, match=rf"c\.json: .*{message}"):
        read_conversations(tmp_path / "c.json")


def test_files_are_read(tmp_path: Path):
    path = tmp_path / "c.json"
    path.write_text(json.dumps([conversation(*CHAT)]))
    assert pairs(read_conversations(path)) == [(5, 1), (9, 3)]
