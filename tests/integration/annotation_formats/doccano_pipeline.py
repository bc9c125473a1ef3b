"""Label a text as doccano's auto-labeling does; run in the environment of its pipeline.

python doccano_pipeline.py REQUEST.json MAPPING TEXT
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

from auto_labeling_pipeline.labels import ClassificationLabels
from auto_labeling_pipeline.mappings import MappingTemplate
from auto_labeling_pipeline.models import RequestModelFactory
from auto_labeling_pipeline.pipeline import pipeline
from auto_labeling_pipeline.postprocessing import PostProcessor

request = RequestModelFactory.create("Custom REST Request", json.loads(Path(sys.argv[1]).read_text("utf8")))
found = pipeline(sys.argv[3], request, MappingTemplate(ClassificationLabels, sys.argv[2]), PostProcessor({})).dict()
assert [list(one) for one in found] == [["label"]]
print(f"auto-labeling-pipeline {version('auto-labeling-pipeline')}: {found[0]['label']}")
