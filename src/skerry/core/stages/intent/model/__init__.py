"""The nouns of this stage, and how their words are read: all that other stages know of intents.

`fields` what a field can hold · `catalogue_kinds`, `site_kinds` the documents · `quantities` texts into figures ·
`catalogue` what intents are looked up in, and findings · `limits` an intent's limits, resolved · `templates` `${...}` ·
`facts` what expressions may speak of.
"""

from __future__ import annotations

from skerry.core.stages.intent.model.catalogue import (
    COMMON_LIMITS,
    KINDS,
    KINDS_LATER,
    KINDS_MADE,
    NOT_YET,
    NOT_YET_WORDS,
    Catalogue,
    Finding,
    Findings,
    Manifest,
    effective_set,
    identity,
    merged_instances,
    nearest,
)
from skerry.core.stages.intent.model.catalogue_kinds import (
    Bound,
    Element,
    ElementPatch,
    Functionality,
    Governance,
    Instances,
    Office,
    Role,
    RoleResources,
    RoleSpec,
    SetPatch,
    Stack,
)
from skerry.core.stages.intent.model.facts import node_facts, site_facts
from skerry.core.stages.intent.model.fields import API_VERSION, Part
from skerry.core.stages.intent.model.limits import Limits, resolve_limits
from skerry.core.stages.intent.model.quantities import figure, parse
from skerry.core.stages.intent.model.site_kinds import Intent, Node, Site
from skerry.core.stages.intent.model.templates import resolve

__all__ = [
    "API_VERSION",
    "COMMON_LIMITS",
    "KINDS",
    "KINDS_LATER",
    "KINDS_MADE",
    "NOT_YET",
    "NOT_YET_WORDS",
    "Bound",
    "Catalogue",
    "Element",
    "ElementPatch",
    "Finding",
    "Findings",
    "Functionality",
    "Governance",
    "Instances",
    "Intent",
    "Limits",
    "Manifest",
    "Node",
    "Office",
    "Part",
    "Role",
    "RoleResources",
    "RoleSpec",
    "SetPatch",
    "Site",
    "Stack",
    "effective_set",
    "figure",
    "identity",
    "merged_instances",
    "nearest",
    "node_facts",
    "parse",
    "resolve",
    "resolve_limits",
    "site_facts",
]
