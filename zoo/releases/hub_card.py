"""Is a card a correct model card of the Hub? What `zoo card NAME --check` reports and `zoo publish` insists on.

`Card.validate` makes sure that zoo can read a card; here stands what the Hub and its readers want besides. The Hub's
own rules for the front matter are in its documentation (hub/model-cards, hub/repositories-licenses and the metadata
specification modelcard.md of huggingface/hub-docs); its parser is huggingface_hub's, and is the one used here. Nothing
in this module opens a socket or imports torch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from zoo import registry
from zoo.errors import DuplicateName, UnknownName
from zoo.releases.cards import FILES, Card

LICENSE = "LICENSE"  # the text of a licence that the Hub does not know
PUBLISHED = (*FILES, LICENSE)  # the files of a release; nothing else is ever uploaded

LIBRARY = "generative-zoo"
NO_TASK = "other"  # of spaces for which the Hub has none, such as vectors: drawing or scoring tables

# Licences that the Hub knows, without those of a single company's models. Any other is `other` with a name and a link.
LICENSES = """
    afl-3.0 agpl-3.0 apache-2.0 artistic-2.0 bigcode-openrail-m bigscience-bloom-rail-1.0 bigscience-openrail-m bsd
    bsd-2-clause bsd-3-clause bsd-3-clause-clear bsl-1.0 c-uda cc cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0
    cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0
    cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc0-1.0 cdla-permissive-1.0 cdla-permissive-2.0
    cdla-sharing-1.0 creativeml-openrail-m ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 gfdl gpl gpl-2.0 gpl-3.0 isc
    lgpl lgpl-2.1 lgpl-3.0 lgpl-lr lppl-1.3c mit mpl-2.0 ms-pl ncsa odbl odc-by ofl-1.1 openrail openrail++ osl-3.0
    pddl postgresql unlicense wtfpl zlib
"""
UNSAID = ("", "?", "none", "null", "n/a", "tbd", "todo", "unknown", "unspecified")  # words that stand for no answer

_LICENSE_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")
_DATASET = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)
_LINK = re.compile(r"\]\(([^)\s]+)")  # the target of [text](target) and ![text](target)
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|#|//", re.IGNORECASE)
_PLACEHOLDER = "replace `unknown` above"  # in the text that zoo train writes for its author to replace


def problems(card: Card) -> list[str]:
    """Everything that keeps `card` from being a correct model card of the Hub, one sentence each; empty if nothing."""
    return [*_licences(card), *_keys(card), *_datasets(card), *_results(card), *_text(card)]


def _licences(card: Card) -> Iterator[str]:
    front, licence, data = card.front, card.license, card.zoo["data"]
    name, link = front.get("license_name"), front.get("license_link")
    if licence.casefold() in UNSAID:
        yield f"license is {licence!r}. Say under which licence the weights may be used; there is no default."
    elif licence == "other":
        if not isinstance(name, str) or not _LICENSE_NAME.fullmatch(name):
            yield (
                f"license is 'other' and license_name {name!r}; expected a name of lower-case letters, digits, "
                "hyphens and points, such as celeba-non-commercial-research."
            )
        if link != LICENSE and not str(link).startswith(("https://", "http://")):
            yield f"license is 'other' and license_link {link!r}; expected an address, or {LICENSE} for a file beside."
    elif licence not in LICENSES.split():
        yield f"license {licence!r} is none that the Hub knows. Use its name there, or 'other' with a license_name."
    if licence != "other" and (name is not None or link is not None):
        yield f"license_name and license_link are for license: other; it is {licence!r}. Remove them."
    if data["license"].strip().casefold() in UNSAID:
        yield f"zoo.data.license is {data['license']!r}. Say under which licence the training data were available."
    if data["name"].strip().casefold() in UNSAID:
        yield f"zoo.data.name is {data['name']!r}. Say what the model was trained on."


def _keys(card: Card) -> Iterator[str]:
    front = card.front
    if front["library_name"] != LIBRARY:
        yield f"library_name is {front['library_name']!r}; expected {LIBRARY!r}, the package that loads the weights."
    try:
        registry.find_architecture(card.architecture, quiet=True)
    except UnknownName as error:
        yield f"zoo.architecture: {error}"
    except DuplicateName:  # whoever wrote the card meant their own
        pass
    if hint := registry.registry().missing(card.space, "spaces"):
        yield f"zoo.data.space is {card.space!r}, which nobody registered. {hint}"
    if front["pipeline_tag"] not in _tasks(card.space).values():
        yield f"pipeline_tag is {front['pipeline_tag']!r}; expected {' or '.join(_tasks(card.space).values())}."
    tags = front["tags"]
    if not all(isinstance(tag, str) and tag.strip() for tag in tags):
        yield f"tags are {tags!r}; expected a list of words. Quote what YAML takes for something else."
    elif len(set(tags)) < len(tags):
        yield f"tags has {', '.join(sorted({tag for tag in tags if tags.count(tag) > 1}))} twice."
    if "zoo" not in tags:
        yield "tags lack 'zoo', by which releases are found on the Hub."


def _datasets(card: Card) -> Iterator[str]:
    for name in card.front["datasets"]:
        if not isinstance(name, str) or not _DATASET.fullmatch(name):
            yield f"{name!r} is no data set's identifier on the Hub; expected name or org/name. In prose: zoo.data."


def _results(card: Card) -> Iterator[str]:
    """The model-index as huggingface_hub's own classes parse it."""
    from huggingface_hub import ModelCard

    for metric in card.metrics:
        if not math.isfinite(metric["value"]):
            yield f"metric {metric['name']!r} is {metric['value']}; expected a finite number. Measure again."
    index = card.front.get("model-index") or []
    if len(index) > 1:
        yield f"model-index has {len(index)} entries; expected one, for a release is one model."
    try:
        parsed = ModelCard(card.render()).data.get("eval_results", [])
    except ValueError as error:
        yield f"huggingface_hub cannot parse the card: {' '.join(str(error).split())}."
        return
    for task in dict.fromkeys(result.task_type for result in parsed):
        if task not in _tasks(card.space).values():
            yield f"task in model-index is {task!r}; expected {' or '.join(_tasks(card.space).values())}."


def _text(card: Card) -> Iterator[str]:
    if _PLACEHOLDER in card.body:
        yield "the text under 'Data and licence' is still the one to be replaced. Say what people should know."
    if "<!-- zoo:measured -->" not in card.body:
        yield "the text has no <!-- zoo:measured --> and <!-- /zoo:measured -->, between which the numbers are shown."
    elif card.render_measured() not in card.body:
        yield "the table of numbers is not that of the front matter. Render it again: zoo evaluate --write."
    for target in dict.fromkeys(_LINK.findall(card.body)):
        if not _ELSEWHERE.match(target) and target.partition("#")[0] not in PUBLISHED:
            yield f"the text links to {target}, which is not published. Files of a release: {', '.join(PUBLISHED)}."


def task(space: str, condition: str | None) -> str:
    """What the Hub calls the task of models of a space with a condition, each by its name."""
    return _tasks(space).get(condition, _tasks(space)[None])


def _tasks(space: str) -> dict[str | None, str]:
    """The Hub's tasks by condition, as they were registered."""
    plain = next((entry.task for entry in registry.list_entries("spaces") if entry.name == space), None)
    if plain is None:
        return {None: NO_TASK}
    return {None: plain} | {each.name: each.task for each in registry.list_entries("conditions") if each.task}
