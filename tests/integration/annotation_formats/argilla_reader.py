"""Read records with Argilla's own client, as ``Dataset.records.from_json`` does; run in Argilla's environment.

python argilla_reader.py RECORDS.json
"""

from __future__ import annotations

import sys

import argilla
from argilla.records._io import JsonIO

records = JsonIO._records_from_json(sys.argv[1])
suggested = [record for record in records if "label" in record.suggestions.to_dict()]
for record in records:
    record.api_model().model_dump()
    assert isinstance(record.fields["text"], str)
for record in suggested:
    suggestion = record.suggestions["label"]
    assert isinstance(suggestion.value, str)
    assert 0 < suggestion.score <= 1
    assert suggestion.agent.startswith("xite/")
print(f"argilla {argilla.__version__}: {len(records)} records, {len(suggested)} with a suggestion")
