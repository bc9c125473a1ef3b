"""The options of a request as those of the library, and back."""

from __future__ import annotations

from typing import Any

from app.augment.schemas import AugmentChoices
from app.errors import INTERPOLATION, FieldError
from xite_core.bundle.bundle import Bundle
from xite_core.errors import OptionError
from xite_core.options import AugmentOptions

PLAIN = ("k", "scoring", "voting", "tau", "min_cosine", "min_score", "min_confidence", "subspace", "seed")


def options_of(request: AugmentChoices, bundle: Bundle) -> AugmentOptions:
    """The bundle's options with the request's in their place.

    Raises
    ------
    OptionError, FieldError
        If a value does not do; both name the option.
    """
    options = with_choices(bundle.options, request)
    check_neighbours(options.k, bundle.anchors.ntotal)
    return options


def check_neighbours(k: int, anchors: int) -> None:
    """Refuse more neighbours than there are labeled examples.

    Raises
    ------
    OptionError
        If there are not as many.
    """
    if k > anchors:
        raise OptionError("k", k, f"at most {anchors}, the number of labeled examples")


def with_choices(present: AugmentOptions, request: AugmentChoices) -> AugmentOptions:
    """Options with a request's in their place.

    Raises
    ------
    OptionError, FieldError
        If a value does not do; both name the option.
    """
    changes: dict[str, Any] = {name: getattr(request, name) for name in PLAIN}
    given = request.interpolation
    if given is not None:
        changes |= {name: getattr(given, name) for name in INTERPOLATION}
    if changes.get("lam") is not None and changes.get("alpha") is not None:
        raise FieldError("a fixed lam and a drawn one exclude each other", "interpolation", "alpha")
    return present.replaced(changes)


def echoed(options: AugmentOptions) -> dict[str, Any]:
    """All options in the form of a request."""
    flat = options.as_dict()
    return {name: flat[name] for name in PLAIN} | {"interpolation": {name: flat[name] for name in INTERPOLATION}}
