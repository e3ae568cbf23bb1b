"""A file's faults, each with file, line, column and field; all of them; and files that are no manifests at all."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import skerry
from skerry.adapters.manifests import ManifestErrors, load, load_file
from skerry.core.stages.intent.model import Intent, Node, Role

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(skerry.__file__).parents[1])}
HEAD = "apiVersion: skerry/v1\nkind: Intent\nmetadata: {name: a}\n"
ROLE = """apiVersion: skerry/v1
kind: Role
metadata: {name: store}
spec:
  interface: object-store.v1
  configurations:
    - name: files
      start: [skerry-store]
      ready: {tcp: main}
"""
NODE = """apiVersion: skerry/v1
kind: Node
metadata: {name: till-1, site: shop-0412}
spec: {offers: {cpu: 75%, memory: 2Gi, disk: 50Gi}, declares: {capabilities: [power.ups]},
       allows: {drivers: [process], programs: [redis-server, skerry-store]}, sla: {cpu: 80%, memory: 70%}}
"""


def faults(text: str) -> list[str]:
    with pytest.raises(ManifestErrors) as failure:
        load(text, "f.yaml")
    return [str(error) for error in failure.value.errors]


FAULTS = {
    "unknown field": (
        HEAD + "spec:\n  functionalty: b\n  functionality: b",
        ["f.yaml:5:3: spec.functionalty: unknown field `functionalty`; did you mean `functionality`?"],
    ),
    "missing field": (
        HEAD + "spec: {priority: 3}",
        ["f.yaml:4:1: spec.functionality: field `functionality` is missing"],
    ),
    "a text where a number belongs": (
        HEAD + "spec:\n  functionality: b\n  priority: high",
        ["f.yaml:6:13: spec.priority: expected a whole number from 0 to 1000, found `high`"],
    ),
    "a quoted number": (
        HEAD + "spec: {functionality: b, priority: '7'}",
        ['f.yaml:4:36: spec.priority: expected a whole number from 0 to 1000, found the text "7"'],
    ),
    "a number out of range": (
        HEAD + "spec: {functionality: b, priority: 1001}",
        ["f.yaml:4:36: spec.priority: expected a whole number from 0 to 1000, found `1001`"],
    ),
    "a mapping where a text belongs": (
        HEAD + "spec: {functionality: {name: b}}",
        [
            (
                "f.yaml:4:23: spec.functionality: expected a functionality such as tiered-storage or tiered-storage@1, "
                "found a mapping"
            )
        ],
    ),
    "a text where a list belongs": (
        ROLE.replace("[skerry-store]", "skerry-store --listen"),
        [
            (
                "f.yaml:8:14: spec.configurations[0].start: expected a list, found `skerry-store --listen`; "
                "write it as `[...]`, or one `- ` a line"
            )
        ],
    ),
    "nothing where something belongs": (
        HEAD + "spec:\n  functionality:",
        [
            (
                "f.yaml:5:17: spec.functionality: expected a functionality such as tiered-storage or tiered-storage@1, "
                "found nothing"
            )
        ],
    ),
    "an unknown word": (
        ROLE + "  onSplit: run_twice\n",
        ["f.yaml:10:12: spec.onSplit: expected one of run_anywhere, run_once, found `run_twice`; did you mean"],
    ),
    "a quantity of another kind": (
        ROLE + "  resources: {memory: 5s}\n",
        ["f.yaml:10:23: spec.resources.memory: expected a size such as 256Mi or 20Gi, found `5s`, a duration"],
    ),
    "a wait out of its bounds": (
        ROLE.replace("{tcp: main}", "{tcp: main, within: 2h}"),
        ["f.yaml:9:34: spec.configurations[0].ready.within: expected 100ms to 10m, found `2h`"],
    ),
    "a name in capitals": (
        HEAD.replace("name: a", "name: A b") + "spec: {functionality: b}",
        [
            (
                "f.yaml:3:18: metadata.name: expected a name of lower-case letters, digits, `-` and `.`, at most 63, "
                "found `A b`"
            )
        ],
    ),
    "a key twice": (
        HEAD + "spec:\n  functionality: b\n  functionality: c",
        ["f.yaml:6:3: spec.functionality: `functionality` stands here twice; first in line 5; keep one of them"],
    ),
    "a kind that comes later": (
        "apiVersion: skerry/v1\nkind: Policy\nmetadata: {name: a}\nspec: {}",
        ["f.yaml:2:7: kind: kind `Policy` is not supported yet"],
    ),
    "a kind that is made": (
        "apiVersion: skerry/v1\nkind: Plan\nmetadata: {name: a}\nspec: {}",
        ["f.yaml:2:7: kind: a `Plan` is made by Skerry and only read; apply the intent instead"],
    ),
    "an unknown kind": (
        HEAD.replace("Intent", "Intention") + "spec: {}",
        ["f.yaml:2:7: kind: unknown kind `Intention`; did you mean `Intent`?"],
    ),
    "another version": (
        HEAD.replace("v1", "v2") + "spec: {functionality: b}",
        ["f.yaml:1:13: apiVersion: expected `skerry/v1`, found `skerry/v2`"],
    ),
    "a field that comes later": (
        HEAD + "spec: {functionality: b, onLimit: throttle}",
        ["f.yaml:4:26: spec.onLimit: field `onLimit` of kind Intent is not supported yet"],
    ),
    "a word that comes later": (
        HEAD + "spec: {functionality: b, onReconnect: keep}",
        [
            (
                "f.yaml:4:39: spec.onReconnect: `keep` in kind Intent is not supported yet; "
                "expected a mapping with `replaceIfGain`"
            )
        ],
    ),
    "not YAML": (
        HEAD + "spec: {functionality: [b",
        ["f.yaml:5:1: not YAML: while parsing a flow sequence (from line 4), "],
    ),
    "a tag": ("a: !!python/name:os.system ''", ["f.yaml:1:4: tag `tag:yaml.org,2002:python/name:os.system`"]),
    "an alias of nothing": (HEAD + "spec: {functionality: *b}", ["f.yaml:4:23: `*b` stands for nothing before it"]),
    "a part of itself": ("a: &a [*a]", ["f.yaml:1:8: `*a` stands for nothing before it, or for a part of itself"]),
    "a list as key": ("? [a]\n: b", ["f.yaml:1:3: expected a text as key, found a list or a mapping"]),
    "no mapping": ("- a", ["f.yaml:1:1: expected a mapping with `apiVersion`, `kind`, `metadata` and `spec`"]),
    "nothing at all": ("# nothing\n---\n", ["f.yaml:1:1: no document in it"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_with_its_place_and_what_to_do(fault: str) -> None:
    text, told = FAULTS[fault]
    found = faults(text)
    assert len(found) == len(told), found
    for one, begin in zip(found, told, strict=True):
        assert one.startswith(begin), one


def test_all_faults_of_all_documents_are_told_at_once() -> None:
    text = HEAD + "spec: {functionality: b, priority: x, limits: 7}\n---\n" + HEAD.replace("Intent", "Intant")
    places = [fault.split(": ")[0] for fault in faults(text)]
    assert places == ["f.yaml:4:36", "f.yaml:4:47", "f.yaml:7:7"]


def test_a_document_twice_in_a_file_is_refused() -> None:
    text = HEAD + "spec: {functionality: b}\n---\n" + HEAD + "spec: {functionality: c}\n"
    assert faults(text) == ["f.yaml:8:18: metadata.name: a second Intent `a`; the first is in line 3"]


HOSTILE = {
    "deep lists": "[" * 200_000,
    "deep mappings": "{a: " * 200_000,
    "deep blocks": "".join(" " * depth + "a:\n" for depth in range(500)),
    "aliases that unfold": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(f"{c}: &{c} [{','.join([f'*{chr(ord(c) - 1)}'] * 9)}]\n" for c in "bcdefghij"),
    "too long": "a: " + "x" * (1 << 20),
    "too many parts": "a: [" + "1," * 300_000 + "]",
    "too many documents": "---\na: 1\n" * 1_200,
    "a control character": "a: \x00",
    "half a character": "a: \ud800",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_refused_quickly(kind: str) -> None:
    started = time.monotonic()
    assert faults(HOSTILE[kind])
    assert time.monotonic() - started < 5


@settings(max_examples=150, deadline=None)
@given(
    st.text(max_size=200) | st.text(alphabet=":-[]{},&*!|>'\"# \nabk", max_size=120).map(lambda t: HEAD + "spec: " + t)
)
def test_no_text_does_anything_but_load_or_be_refused(text: str) -> None:
    with suppress(ManifestErrors):
        assert load(text, "f.yaml")


def test_words_that_yaml_takes_for_truth_stay_words_where_a_word_belongs() -> None:
    text = ROLE.replace("ready: {tcp: main}", "ready: {tcp: main}\n      environment: {A: yes, B: 010, C: null_}")
    role = load(text, "f.yaml")[0].manifest
    assert isinstance(role, Role)
    assert role.spec.configurations[0].environment == {"A": "yes", "B": "010", "C": "null_"}


def test_an_alias_within_a_document_stands_for_what_it_names() -> None:
    intent = load(HEAD.replace("name: a", "name: &n a") + "spec: {functionality: *n}", "f.yaml")[0].manifest
    assert isinstance(intent, Intent)
    assert intent.spec.functionality == "a"


def test_several_documents_keep_their_places() -> None:
    documents = load(HEAD + "spec: {functionality: b}\n---\n" + ROLE, "f.yaml")
    assert [(one.kind, one.name, one.source) for one in documents] == [
        ("Intent", "a", "f.yaml"),
        ("Role", "store", "f.yaml"),
    ]
    place = documents[1].place("spec.configurations[0].start[0]")
    assert (place.line, place.column) == (13, 15)
    assert documents[1].place("spec.configurations[0].nothing.here") == documents[1].place("spec.configurations[0]")


def test_a_file_that_cannot_be_read_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(ManifestErrors, match=r"none\.yaml: cannot be read: No such file"):
        load_file(tmp_path / "none.yaml")
    (tmp_path / "raw.yaml").write_bytes(b"a: \xff")
    with pytest.raises(ManifestErrors, match="not UTF-8 at byte 3"):
        load_file(tmp_path / "raw.yaml")
    (tmp_path / "node.yaml").write_text(NODE)
    assert load_file(tmp_path / "node.yaml")[0].kind == "Node"


def test_a_node_file_is_its_owners_word() -> None:
    node = load(NODE, "node.yaml")[0].manifest
    assert isinstance(node, Node)
    assert (node.metadata.name, node.metadata.site) == ("till-1", "shop-0412")
    assert node.spec.allows.programs == ("redis-server", "skerry-store")
    assert (node.spec.offers.cpu, node.spec.sla.memory) == ("75%", "70%")


def test_reading_a_node_file_imports_no_command_line_and_no_expressions() -> None:
    program = (
        "import sys; from skerry.adapters.manifests import load; load(sys.stdin.read(), 'node.yaml');"
        "print(sorted({'cel', 'skerry.adapters.cel', 'rich', 'typer', 'asyncio', 'litestar'} & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], env=ENVIRONMENT, input=NODE, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
