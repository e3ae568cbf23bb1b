"""Documents back into text, and the schema that editors get."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from skerry.adapters.manifests import dump, load, schema
from skerry.core.stages.intent.model import KINDS

EXAMPLES = [
    ("hello", "catalogue.yaml"),
    ("hello", "intent.yaml"),
    ("tiered-storage", "catalogue.yaml"),
    ("tiered-storage", "intent.yaml"),
    ("tiered-storage", "notes.yaml"),
    ("tiered-storage", "site.yaml"),
]


@pytest.mark.parametrize(("folder", "name"), EXAMPLES)
def test_what_was_written_reads_back_equal(folder: str, name: str) -> None:
    manifests = [one.manifest for one in load(files("skerry").joinpath("examples", folder, name).read_text(), name)]
    text = dump(manifests)
    assert [one.manifest for one in load(text, name)] == manifests
    assert dump(manifests) == text


def test_what_has_its_default_is_left_out_but_an_empty_office_stays() -> None:
    text = """apiVersion: skerry/v1
kind: Governance
metadata: {name: plain}
spec:
  managementRoles: [{roles: {leader: {instances: 1}}}]
  assent: [{by: assignee, silentRounds: 3}]
"""
    written = dump(one.manifest for one in load(text, "f.yaml"))
    assert "leader: {}" in written
    assert "silentRounds" not in written
    assert written.startswith("apiVersion: skerry/v1\nkind: Governance\n")


def test_the_schema_names_every_kind_and_every_field_and_allows_no_other() -> None:
    made = json.loads(json.dumps(schema()))
    assert {one["$ref"].removeprefix("#/$defs/") for one in made["oneOf"]} == set(KINDS)
    for kind in KINDS:
        assert {"apiVersion", "kind", "metadata"} <= set(made["$defs"][kind]["required"]) | {"spec"}
    assert all(part["additionalProperties"] is False for part in made["$defs"].values())
    assert "atLeast" in made["$defs"]["Bound"]["properties"]
    assert made["$defs"]["RoleResources"]["properties"]["cpu"]["type"] == ["string", "number"]
