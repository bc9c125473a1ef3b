"""The fuzz targets run on their seeds and on simple damage to them, so that they cannot rot unseen."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.datasets.parquet import check_parquet
from tests.fuzz.targets import PARQUET, TARGETS
from xite_core.errors import InputError
from xite_core.records.readers import scan_examples


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_damaged_seeds(name: str) -> None:
    function, seeds = TARGETS[name]
    for seed in seeds:
        function(seed)
        for cut in range(0, len(seed), max(1, len(seed) // 40)):
            function(seed[:cut])
            function(seed[:cut] + b"\xff\x00" + seed[cut + 2 :])


def test_a_parquet_file_whose_column_names_are_no_utf8_is_refused(tmp_path: Path) -> None:
    whole = PARQUET[0]
    places = [i for i in range(len(whole) - 4) if whole[i : i + 4] == b"text"]
    assert places
    refused = 0
    for place in places:
        path = tmp_path / "rows.parquet"
        path.write_bytes(whole[: place + 1] + b"\xc7" + whole[place + 2 :])
        try:
            check_parquet(path, {}, max_rows=100, max_bytes=2**20)
            list(scan_examples(path, labeled=False))
        except InputError:
            refused += 1
    assert refused
