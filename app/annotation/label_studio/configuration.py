"""A project's labeling configuration: which control asks for a label of which text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from app.errors import FieldError

FIELD = "label_config"
SIDES = ("left", "right")
"""What a Pairwise control asks for."""

_MULTIPLE = "multiple"
_VARIABLE = re.compile(r"\$([^\s$]+)")


@dataclass(frozen=True, slots=True)
class TextField:
    """A ``Text`` tag: its name, and the key of a task's data that it shows."""

    name: str
    key: str


@dataclass(frozen=True, slots=True)
class Control:
    """A tag that asks for one label.

    Parameters
    ----------
    name : str
        Its ``name``, ``from_name`` of a result.
    kind : str
        ``choices`` or ``pairwise``, the type of a result.
    to_names : tuple of str
        The tags that it is about.
    choices : tuple of (str, str)
        What a result says, and what the page shows, of each choice.
    """

    name: str
    kind: str
    to_names: tuple[str, ...]
    choices: tuple[tuple[str, str], ...]

    def label_map(self, labels: Sequence[str]) -> dict[str, str]:
        """What a result says for each of a bundle's labels; labels that are no choice are left out.

        A choice's ``alias`` or ``value`` has to be the label; where none is, one that differs in case alone will do.
        """
        found = {}
        for label in labels:
            exact = [said for said, shown in self.choices if label in (said, shown)]
            folded = [said for said, shown in self.choices if label.casefold() in (said.casefold(), shown.casefold())]
            if exact or len(folded) == 1:
                found[label] = (exact or folded)[0]
        return found

    def value(self, choice: str) -> dict[str, Any]:
        """The value of a result."""
        return {"choices": [choice]} if self.kind == "choices" else {"selected": choice}

    def choice_in(self, value: Mapping[str, Any]) -> str | None:
        """The one choice that a result's value holds."""
        if self.kind == "pairwise":
            selected = value.get("selected")
            return selected if isinstance(selected, str) else None
        chosen = value.get("choices")
        return chosen[0] if isinstance(chosen, list) and len(chosen) == 1 and isinstance(chosen[0], str) else None


@dataclass(frozen=True, slots=True)
class Labeling:
    """What a bundle has to do in a project.

    Parameters
    ----------
    control : Control
        Takes the label.
    texts : tuple of TextField
        One text, or the two of a pair.
    said : mapping of str to str
        What a result says for each label of the bundle.
    """

    control: Control
    texts: tuple[TextField, ...]
    said: Mapping[str, str]

    def label_of(self, choice: str) -> str | None:
        """The bundle's label that a result's choice stands for."""
        return next((label for label, said in self.said.items() if said == choice), None)


def labeling_of(configuration: str, labels: Sequence[str], *, pairs: bool, field: str = FIELD) -> Labeling:
    """Find the control that a bundle can answer; the one with the most of its labels, else the first.

    Parameters
    ----------
    configuration : str
        The project's labeling configuration, XML.
    labels : sequence of str
        The bundle's labels.
    pairs : bool
        Whether the bundle holds text pairs.
    field : str
        What to call the configuration in an error.

    Raises
    ------
    FieldError
        If it is no XML, or no control asks for one of the labels about a text (two texts for pairs).
    """
    root = _parsed(configuration, field)
    fields = {text.name: text for text in _texts(root)}
    controls = list(_controls(root))
    fitting = [
        Labeling(control, texts, said)
        for control in controls
        if (texts := _shown(control, fields, pairs)) and (said := control.label_map(labels))
    ]
    if fitting:
        return max(fitting, key=lambda labeling: len(labeling.said))
    raise FieldError(_refusal(controls, fields, labels, pairs), field)


def _parsed(configuration: str, field: str) -> Element:
    try:
        root: Element = fromstring(configuration, forbid_dtd=True)
    except ParseError as error:
        raise FieldError(f"not XML ({error}); expected a labeling configuration, <View> ... </View>", field) from None
    except (DefusedXmlException, ValueError):
        raise FieldError("document types and entities are not accepted in a labeling configuration", field) from None
    return root


def _texts(root: Element) -> Iterator[TextField]:
    for tag in root.iter("Text"):
        variable = _VARIABLE.fullmatch(tag.get("value", ""))
        if variable and tag.get("name") and tag.get("valueType", "text") == "text":
            yield TextField(tag.attrib["name"], variable[1])


def _controls(root: Element) -> Iterator[Control]:
    for tag in root.iter():
        name, to_names = tag.get("name"), tuple(part.strip() for part in tag.get("toName", "").split(",") if part)
        if not name or not to_names:
            continue
        if tag.tag == "Choices" and tag.get("choice") != _MULTIPLE and tag.get("perRegion") != "true":
            choices = [choice for choice in tag.iter("Choice") if choice.get("value")]
            said = tuple((choice.get("alias") or choice.attrib["value"], choice.attrib["value"]) for choice in choices)
            yield Control(name, "choices", to_names, said)
        elif tag.tag == "Pairwise" and len(to_names) == 2:
            yield Control(name, "pairwise", to_names, tuple((side, side) for side in SIDES))


def _shown(control: Control, fields: Mapping[str, TextField], pairs: bool) -> tuple[TextField, ...]:
    """The texts that a label is about; none where they are not the bundle's one or two.

    A pair is what the control points to, or the only two texts of the page where it points to one of them.
    """
    if not all(name in fields for name in control.to_names):
        return ()
    pointed = tuple(fields[name] for name in control.to_names)
    if pairs and len(pointed) == 1 and len(fields) == 2:
        pointed = tuple(fields.values())
    return pointed if len(pointed) == (2 if pairs else 1) else ()


def _refusal(controls: Sequence[Control], fields: Mapping[str, TextField], labels: Sequence[str], pairs: bool) -> str:
    form = "two <Text> tags" if pairs else "a <Text> tag"
    names = ", ".join(labels)
    if not controls:
        return f"no control found that takes one label; expected <Choices> about {form} with the choices {names}"
    if not any(_shown(control, fields, pairs) for control in controls):
        return (
            f"no control is about {form} with a value such as $text; the bundle holds {'pairs' if pairs else 'texts'}"
        )
    offered = ", ".join(dict.fromkeys(shown for control in controls for _, shown in control.choices)) or "(none)"
    return f"no choice is a label of the bundle; the choices are {offered[:500]}, the labels {names}"
