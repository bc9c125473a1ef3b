from __future__ import annotations

from contextlib import ExitStack

import pytest

from app.errors import BusyError
from app.faults import fault_of
from app.runtime.admission import LEAST_REQUESTS, Admission, estimated_tokens
from xite_core.types import Example

TURN = 10


def test_beyond_the_limit_it_says_when_to_come_back() -> None:
    admission = Admission(100, 1.0, 1000)
    with admission.admit(80, 10.0), admission.admit(30, 10.0):
        assert admission.held == 110
        with pytest.raises(BusyError) as refused, admission.admit(1, 10.0):
            pass
        assert fault_of(refused.value).headers == {"Retry-After": "11"}
    assert admission.held == admission.ahead == 0


def test_size_does_not_matter() -> None:
    admission = Admission(100, 1.0, 1000)
    with admission.admit(1000, 0.0):
        for tokens in (1, 100, 10_000):
            with pytest.raises(BusyError), admission.admit(tokens, 0.0):
                pass
    with admission.admit(10_000, 0.0):
        assert admission.held == 10_000


@pytest.mark.parametrize(("rate", "admitted"), [(0.0, 100), (1.0, LEAST_REQUESTS), (100.0, 10), (200.0, 20)])
def test_the_wait_is_bounded(rate: float, admitted: int) -> None:
    """By the rate; while that is unknown by the limit alone, and a few requests are always taken."""
    admission = Admission(100 * TURN, 1.0, TURN)
    with ExitStack() as held:
        for _ in range(admitted):
            held.enter_context(admission.admit(TURN, rate))
        with pytest.raises(BusyError):
            held.enter_context(admission.admit(TURN, rate))


def test_a_big_request_delays_others_by_one_turn_only() -> None:
    admission = Admission(1_000_000, 1.0, TURN)
    with admission.admit(100 * TURN, 50.0):
        assert (admission.held, admission.ahead) == (100 * TURN, TURN)
        with admission.admit(5, 50.0):
            assert admission.ahead == TURN + 5


def test_the_estimate_never_exceeds_what_the_encoder_keeps() -> None:
    assert estimated_tokens([Example("x" * 100_000), Example("ab", "cd")], 128) == 128 + 4
