"""The fuzz targets run on their seeds and on simple damage to them, so that they cannot rot unseen."""

from __future__ import annotations

import pytest

from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_damaged_seeds(name: str) -> None:
    function, seeds = TARGETS[name]
    for seed in seeds:
        function(seed)
        for cut in range(0, len(seed), max(1, len(seed) // 40)):
            function(seed[:cut])
            function(seed[:cut] + b"\xff\x00" + seed[cut + 2 :])
