"""Import a file with doccano's own code into a database of its own; run in doccano's environment.

python doccano_import.py LINES.jsonl
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import django

file = str(Path(sys.argv[1]).resolve())
os.chdir(tempfile.mkdtemp())
os.environ["DATABASE_URL"] = f"sqlite:///{Path.cwd() / 'db.sqlite3'}"
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.development"
spec = importlib.util.find_spec("backend")
assert spec is not None
assert spec.submodule_search_locations is not None
sys.path.insert(0, spec.submodule_search_locations[0])
django.setup()

from data_import.datasets import load_dataset  # noqa: E402
from data_import.pipeline.catalog import create_file_format  # noqa: E402
from data_import.pipeline.readers import FileName  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402
from django.core.management import call_command  # noqa: E402
from examples.models import Example  # noqa: E402
from labels.models import Category  # noqa: E402
from projects.models import ProjectType, TextClassificationProject  # noqa: E402

call_command("migrate", verbosity=0)
user = get_user_model().objects.create_superuser("check", "check@example.com", "check")
kind = ProjectType.DOCUMENT_CLASSIFICATION
project = TextClassificationProject.objects.create(
    name="check", description="check", project_type=kind, created_by=user, single_class_classification=True
)
dataset = load_dataset(
    kind,
    create_file_format("JSONL"),
    [FileName(file, file, file)],
    project,
    encoding="utf_8",
    column_data="text",
    column_label="label",
)
dataset.save(user, batch_size=500)
assert not dataset.errors, [error.dict() for error in dataset.errors]
lines = len(Path(file).read_text("utf8").splitlines())
texts, labels = (kind.objects.filter(**{field: project}).count() for kind, field in
                 ((Example, "project"), (Category, "example__project")))  # fmt: skip
assert texts == lines
print(f"doccano {version('doccano')}: {texts} texts imported, {labels} labels")
