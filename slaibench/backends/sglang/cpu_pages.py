"""Pages of the KV cache handed out on a CPU, for SGLang before 0.5.22.

Later ones bring this along; earlier ones have nothing but two kernels in triton.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from sglang.srt.mem_cache.allocator import paged


class Launched:
    """A function that is called like a triton kernel: ``kernel[grid](...)``."""

    def __init__(self, function: Callable[..., None]) -> None:
        self._function = function

    def __getitem__(self, grid: object) -> Callable[..., None]:
        return self._function


def hand_out_on_the_cpu() -> None:
    """Have SGLang's allocator do without triton, where it cannot by itself."""
    if not hasattr(paged, "alloc_decode_naive"):
        paged.alloc_extend_kernel = Launched(_extend)
        paged.alloc_decode_kernel = Launched(_decode)


def _extend(
    prefix_lens: torch.Tensor,
    seq_lens: torch.Tensor,
    last_loc: torch.Tensor,
    free_pages: torch.Tensor,
    out_indices: torch.Tensor,
    _: int,
    page_size: int,
) -> None:
    """Places of the tokens of prompts' chunks; where too few pages are free, SGLang says so."""
    pages = (seq_lens + page_size - 1) // page_size - (prefix_lens + page_size - 1) // page_size
    if int(pages.sum()) <= len(free_pages):
        paged.alloc_extend_naive(
            prefix_lens, seq_lens, last_loc, free_pages, out_indices, page_size, out_indices.device
        )


def _decode(
    seq_lens: torch.Tensor,
    last_loc: torch.Tensor,
    free_pages: torch.Tensor,
    out_indices: torch.Tensor,
    _: int,
    page_size: int,
) -> None:
    """Places of one token each: beside the last one, or at the start of a page."""
    starts_page = (seq_lens - 1) % page_size == 0
    if int(starts_page.sum()) <= len(free_pages):
        out_indices.copy_(last_loc + 1)
        out_indices[starts_page] = free_pages[: int(starts_page.sum())].to(torch.int64) * page_size
