"""Attention to keys where they lie: addresses are right, two sets of keys become one, a wrong kernel is not used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close

from engine.device import spans
from engine.device.device import CPU, Device
from engine.networks.flow.attention import Extent, merged
from tests.engine.device.efficient_attention import attention, on_a_cpu
from tests.engine.device.fake_gpu import fake_gpu

ROWS, HEADS, ROOM, OWN, WIDTH = 3, 2, 20, 12, 8
STANDING = (4, 0, 4)  # where their prompts lie; two of them have the same
PROMPTS, COUNTS = (20, 1, 13), (12, 7, 1)


def test_a_prompt_read_where_it_lies_is_what_a_copy_of_it_gives() -> None:
    generator = torch.Generator().manual_seed(0)
    standing = torch.randn(2, 5, HEADS, ROOM, WIDTH, generator=generator)
    query, *own = torch.randn(3, ROWS, HEADS, OWN, WIDTH, generator=generator)
    extent = Extent(torch.tensor(PROMPTS), torch.tensor(COUNTS), torch.tensor(COUNTS))
    rows = torch.tensor(STANDING)
    there, here = extent.spans(rows, HEADS, ROOM, OWN)
    with on_a_cpu():
        q, (keys, values) = query.transpose(1, 2), map(spans.in_line, standing)
        first = spans.attend(q, keys, values, there, here.begins)
        keys, values = (part.transpose(1, 2).flatten(0, 1) for part in own)
        second = spans.attend(q, keys, values, here, here.begins)
    found = merged(first, second)
    keys, values = (torch.cat((part[rows], mine), 2) for part, mine in zip(standing, own, strict=True))
    expected = F.scaled_dot_product_attention(query, keys, values, attn_mask=extent.mask(ROOM, OWN, query))
    assert_close(found, expected.transpose(1, 2), atol=1e-5, rtol=1e-5)


def from_the_first_position(*given: Any, seqlen_k: Any, **other: Any) -> Any:
    query, keys, values, bias, queries, begins, *rest = given
    return attention(query, keys, values, bias, queries, begins * 0, *rest, seqlen_k=seqlen_k, **other)


def to_the_last_position(*given: Any, seqlen_k: Any, **other: Any) -> Any:
    return attention(*given, seqlen_k=torch.full_like(seqlen_k, given[7]), **other)


def in_twos(*given: Any, **other: Any) -> Any:
    """A log-sum-exp of another base."""
    made, weights, *rest = attention(*given, **other)
    return made, weights / torch.tensor(2.0).log(), *rest


@pytest.mark.parametrize("wrong", [from_the_first_position, to_the_last_position, in_twos])
def test_a_kernel_that_answers_otherwise_is_not_used(wrong: Callable[..., Any]) -> None:
    with on_a_cpu():
        assert spans.answers(CPU)
    with on_a_cpu(wrong):
        assert not spans.answers(CPU)


def test_without_the_kernel_prompts_are_copied() -> None:
    assert not spans.answers(CPU)
    assert not Device.of(CPU).attends_in_place
    assert fake_gpu().attends_in_place
