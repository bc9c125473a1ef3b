"""A fine-tuning request's options as those of the library."""

from __future__ import annotations

from app.augment.options import with_choices
from app.jobs.schemas import FinetuneRequest
from xite_core.finetune.options import FineTuneOptions
from xite_core.options import AugmentOptions


def finetune_options(request: FinetuneRequest, present: AugmentOptions) -> FineTuneOptions:
    """The library's options.

    Raises
    ------
    OptionError
        If a value does not do.
    """
    given = request.hyperparameters.model_dump() if request.hyperparameters else {}
    more = {"depth": request.depth, "seed": request.seed, "max_english_drop": request.max_english_drop}
    options = FineTuneOptions.from_dict({**given, **more})
    augment = with_choices(present, request.augment) if request.augment else present
    return FineTuneOptions.from_dict({**options.as_dict(), "augment": augment.as_dict()})
