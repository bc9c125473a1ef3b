"""How processes are started."""

from __future__ import annotations

import gc
import time

from app.processes.garbage import no_collection
from app.processes.supervisor import Program, Supervisor


def test_a_program_is_not_started_before_its_delay() -> None:
    begun = time.monotonic()
    assert Supervisor([Program("late", ["false"], essential=True, delay=0.5)]).run() == 1
    assert time.monotonic() - begun >= 0.5


def test_what_a_start_makes_is_kept_out_of_later_collections() -> None:
    try:
        with no_collection():
            assert not gc.isenabled()
            before = gc.get_freeze_count()
        assert gc.isenabled()
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()
