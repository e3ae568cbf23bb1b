"""Whether a role holds together: its configurations, standards, data and exclusiveness."""

from __future__ import annotations

from collections import Counter

from skerry.core.kernel.expressions import ExpressionError, Expressions, holds
from skerry.core.stages.intent.model import templates
from skerry.core.stages.intent.model.catalogue import Finding, Findings
from skerry.core.stages.intent.model.catalogue_kinds import Bound, Requires, Role, Stack
from skerry.core.stages.intent.model.facts import NODE_SAMPLE


def check_role(role: Role, expressions: Expressions) -> list[Finding]:
    """Everything that can be said of a role by itself."""
    findings = Findings(role)
    spec = role.spec
    _check_requires("spec.requires", spec.requires, expressions, findings)
    for metric, bound in spec.standards.items():
        check_bound(f"spec.standards.{metric}", bound, expressions, findings)
    if spec.data.copies is not None and spec.data.mode != "replicated":
        message = f"copies of data that is `{spec.data.mode}`"
        findings.add("spec.data.copies", message, "set `mode: replicated`, or leave `copies` out")
    if spec.key is not None and spec.on_split != "run_once":
        findings.add("spec.key", "a key without `onSplit: run_once`: nothing is exclusive here")
    if spec.when_no_quorum != "stop" and spec.on_split != "run_once":
        findings.add("spec.whenNoQuorum", "no `onSplit: run_once`: this role asks for no quorum")
    names = Counter(stack.name for stack in spec.configurations)
    for index, stack in enumerate(spec.configurations):
        path = f"spec.configurations[{index}]"
        if names[stack.name] > 1:
            findings.add(f"{path}.name", f"`{stack.name}` is the name of {names[stack.name]} configurations")
        if spec.standards and not stack.probe:
            message = f"the role has standards, but `{stack.name}` has no probe to measure them with"
            findings.add(path, message, "add `probe: [...]`")
        _check_stack(path, stack, spec.on_split == "run_once", expressions, findings)
    return findings.found


def _check_requires(path: str, requires: Requires, expressions: Expressions, findings: Findings) -> None:
    if requires.that is None:
        return
    try:
        holds(expressions, requires.that, NODE_SAMPLE)
    except ExpressionError as error:
        findings.add(f"{path}.that", str(error))


def check_bound(path: str, bound: Bound, expressions: Expressions, findings: Findings) -> None:
    """One standard, as far as it can be checked without limits."""
    if (bound.at_least is None) == (bound.at_most is None):
        found = "neither" if bound.at_least is None else "both"
        findings.add(path, f"expected exactly one of `atLeast` and `atMost`, found {found}")
    for name, text in (("atLeast", bound.at_least), ("atMost", bound.at_most), ("floor", bound.floor)):
        if text is not None:
            _check_text(f"{path}.{name}", text, False, expressions, findings, at_node=False)


def _check_stack(path: str, stack: Stack, run_once: bool, expressions: Expressions, findings: Findings) -> None:
    _check_requires(f"{path}.requires", stack.requires, expressions, findings)
    if stack.name in stack.conflicts:
        findings.add(f"{path}.conflicts", f"`{stack.name}` conflicts with itself")
    ready = stack.ready
    if (ready.tcp is None) == (ready.http is None):
        found = "neither" if ready.tcp is None else "both"
        findings.add(f"{path}.ready", f"expected exactly one of `tcp` and `http`, found {found}")
    if ready.http is not None and not ready.http.startswith("/"):
        findings.add(f"{path}.ready.http", f"expected a path that begins with `/`, found `{ready.http}`")
    if not stack.start[0].strip() or "${" in stack.start[0]:
        findings.add(f"{path}.start[0]", f"expected the name of a program, found `{stack.start[0]}`")
    for name, vector in (("start", stack.start), ("probe", stack.probe)):
        for index, text in enumerate(vector):
            _check_text(f"{path}.{name}[{index}]", text, run_once, expressions, findings)
    for name, text in stack.environment.items():
        _check_text(f"{path}.environment.{name}", text, run_once, expressions, findings)


def _check_text(
    path: str, text: str, run_once: bool, expressions: Expressions, findings: Findings, *, at_node: bool = True
) -> None:
    try:
        templates.check(text, expressions)
        left = [inner for inner in templates.holes(text) if templates.of_node(inner)]
    except ExpressionError as error:
        findings.add(path, str(error))
        return
    if left and not at_node:
        findings.add(path, f"`${{{left[0]}}}` is known only where an instance starts; expected `limits` or `with`")
    if "fence" in left and not run_once:
        findings.add(path, "only a `run_once` role has a fence number", "set `onSplit: run_once`")
