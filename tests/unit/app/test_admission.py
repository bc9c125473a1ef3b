from __future__ import annotations

import pytest

from app.errors import BusyError, fault_of
from app.runtime.admission import Admission, estimated_tokens
from xite_core.types import Example


def test_beyond_the_limit_it_says_when_to_come_back() -> None:
    admission = Admission(100)
    with admission.admit(80, 10.0):
        with pytest.raises(BusyError) as refused, admission.admit(30, 10.0):
            pass
        assert fault_of(refused.value).headers == {"Retry-After": "8"}
        with admission.admit(20, 10.0):
            assert admission.held == 100
    assert admission.held == 0


def test_one_big_request_is_admitted_when_nothing_else_is() -> None:
    admission = Admission(100)
    with admission.admit(1000, 0.0):
        assert admission.held == 1000


def test_the_estimate_never_exceeds_what_the_encoder_keeps() -> None:
    assert estimated_tokens([Example("x" * 100_000), Example("ab", "cd")], 128) == 128 + 4
