"""`${...}`: CEL inside a string, filled in twice.

What speaks of `limits` and `with` is filled in when an intent is translated. Ports, folders, addresses, the node's name
and the fence number are known only where an instance starts, so these few stay as they are for the node.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from skerry.core.kernel.expressions import ExpressionError, Expressions, Scalar

_HOLE = re.compile(r"\$\{([^{}]*)\}")
_OF_NODE = re.compile(r"port\.[a-z0-9-]+|endpoint\.[a-z0-9-]+|dir\.(data|scratch)|node\.name|fence")
OF_NODE_NAMES = ("port.NAME", "endpoint.NAME", "dir.data", "dir.scratch", "node.name", "fence")
_NODE_ROOTS = ("port", "endpoint", "dir", "node", "fence")


def holes(text: str) -> tuple[str, ...]:
    """The expressions within `${...}`. Raises `ExpressionError` for one that is not closed, or an unknown one that
    only a node could fill in."""
    if text.count("${") != len(_HOLE.findall(text)):
        raise ExpressionError(text, "`${` without its `}`, or braces inside of it")
    found = tuple(inner.strip() for inner in _HOLE.findall(text))
    for inner in found:
        if re.split(r"\W", inner, maxsplit=1)[0] in _NODE_ROOTS and not of_node(inner):
            raise ExpressionError(inner, f"a node fills in only {', '.join(OF_NODE_NAMES)}")
    return found


def of_node(expression: str) -> bool:
    """Whether it is left for the node that starts an instance."""
    return _OF_NODE.fullmatch(expression) is not None


def check(text: str, expressions: Expressions) -> None:
    """Raise `ExpressionError` if a `${...}` cannot be read."""
    for inner in holes(text):
        if not of_node(inner):
            expressions.check(inner)


def resolve(text: str, facts: Mapping[str, Any], expressions: Expressions) -> str:
    """`text` with everything filled in that the facts can fill in; raises `ExpressionError`."""
    holes(text)

    def filled(found: re.Match[str]) -> str:
        inner = found[1].strip()
        return f"${{{inner}}}" if of_node(inner) else written(expressions.evaluate(inner, facts))

    return _HOLE.sub(filled, text)


def written(value: Scalar) -> str:
    """A value inside a text: whole doubles without their `.0`, truth as `true` and `false`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    return str(value)
