"""Requests that are not let in: SGLang took them, and its scheduler would not survive them.

What our adapter reads of a request is checked here, and what SGLang computes with unchecked.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import torch
from sglang.srt.disaggregation.utils import prepare_abort

from slaibench.schedulers.base import Scheduler
from slaibench.schedulers.service_class import ServiceClassError, checked_service_class

logger = logging.getLogger(__name__)


def why_refused(engine: Any, request: Any) -> str | None:
    """Why a request that has just come cannot be served; None: it can, or SGLang refused it.

    Args:
        engine: ``slaibench.schedulers.engines.sglang_scheduler.SlaibenchScheduler``.
    """
    if request.finished() or getattr(request, "to_finish", None) is not None:
        return None
    try:
        checked_service_class(request.sampling_params.custom_params)
    except ServiceClassError as error:
        return f"custom_params: {error}"
    return (
        _wrong_embeddings(request, engine.model_config, engine.is_emulated)
        or _wrong_input(request, engine.model_config)
        or _wrong_logprobs(request, engine.model_config.vocab_size, engine.is_emulated)
        or _wrong_beams(request, engine.scheduler)
    )


def _wrong_embeddings(request: Any, model: Any, is_emulated: bool) -> str | None:
    embeddings = getattr(request, "input_embeds", None)
    if embeddings is None or is_emulated:
        return None
    # SGLang makes them bfloat16, whatever the model is.
    if model.dtype != torch.bfloat16:
        return "input_embeds can be served where the model computes in bfloat16: --dtype bfloat16"
    if any(len(row) != model.hidden_size for row in embeddings):
        return f"each row of input_embeds must hold {model.hidden_size} numbers"
    return None


def _wrong_input(request: Any, model: Any) -> str | None:
    ids = request.origin_input_ids
    if not len(ids):
        return "a prompt must hold at least one token"
    # Those of pictures stand for their contents, and are beyond every vocabulary.
    last = None if request.multimodal_inputs is not None else model.vocab_size - 1
    if min(ids) < 0 or (last is not None and max(ids) > last):
        return f"input_ids must lie between 0 and {model.vocab_size - 1}"
    return None


def _wrong_logprobs(request: Any, vocab: int, is_emulated: bool) -> str | None:
    if not request.return_logprob:
        return None
    if is_emulated:
        return "an emulated device computes nothing and has no logprobs: leave them out"
    logprob = getattr(request, "logprob", None) or request  # before 0.5.22: its own
    wanted = logprob.top_logprobs_num
    if not 0 <= wanted <= vocab:
        return f"top_logprobs_num must lie between 0 and {vocab}, and is {wanted}"
    ids = logprob.token_ids_logprob or ()
    if any(not 0 <= token < vocab for token in ids):
        return f"token_ids_logprob must lie between 0 and {vocab - 1}"
    return None


def _wrong_beams(request: Any, scheduler: Scheduler | None) -> str | None:
    if scheduler is None or getattr(request, "beam_group", None) is None:
        return None
    return (
        f"the scheduler {scheduler.name} knows no beams: leave beam_width out, or serve with "
        "--scheduler engine"
    )


def refuse(engine: Any, request: Any, reason: str) -> None:
    """End a request before it waits; whoever sent it learns why.

    Args:
        engine: SGLang's scheduler.
    """
    logger.error("request refused: %s", reason)
    prepare_abort(request, reason, HTTPStatus.BAD_REQUEST)
    retire = getattr(engine, "retire_unadmitted_request", None)
    if retire is not None:
        retire(request)
    else:  # before 0.5.22
        engine.output_streamer.stream_output([request], request.return_logprob)
