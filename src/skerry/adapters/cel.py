"""CEL by the Rust evaluator of `common-expression-language`, without its command line.

The distribution's `cel` package imports its own command line and with it a terminal library of some 25 MiB, which an
agent cannot afford; only the compiled module inside it is loaded here, past the package's `__init__`.

The evaluator has no budget of its own. What bounds it: the length of the text, and the number of list macros, whose
nesting is what makes work grow faster than the text (two of them within 2 KiB cost at most about a quarter second).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder, PathFinder
from importlib.util import module_from_spec
from types import ModuleType
from typing import Any

from skerry.core.kernel.expressions import ExpressionError, Scalar

EXPRESSION_BYTES_MAX = 2048
MACROS_MAX = 2

_MACRO = re.compile(r"\.\s*(?:all|exists|exists_one|existsOne|map|filter|transformList|transformMap)\s*\(")
_POSITION = re.compile(r"<input>:(\d+):(\d+):\s*(.*)")
_UNDEFINED = re.compile(r"Undefined variable or function: '([^']*)'")


class CelExpressions:
    """Implements `core.kernel.expressions.Expressions`. Stateless but for a cache of compiled texts."""

    def check(self, expression: str) -> None:
        """Raise `ExpressionError` if the text is too long, too deep or not CEL."""
        _compiled(expression)

    def evaluate(self, expression: str, facts: Mapping[str, Any]) -> Scalar:
        """The value of `expression`; raises `ExpressionError`."""
        program = _compiled(expression)
        try:
            value = program.execute(_module().Context(variables=dict(facts)))
        except KeyError as error:
            raise ExpressionError(expression, f"there is no field {error} here") from error
        except (RuntimeError, TypeError, ValueError, ArithmeticError) as error:
            raise ExpressionError(expression, _reason(error, facts)) from error
        if isinstance(value, bool | int | float | str):
            return value
        raise ExpressionError(expression, f"comes to a {type(value).__name__}; expected truth, a number or text")


def _reason(error: Exception, facts: Mapping[str, Any]) -> str:
    """The evaluator's complaint in our words, with what could have been named instead."""
    undefined = _UNDEFINED.search(str(error))
    if undefined is None:
        return str(error)
    return f"nothing is called `{undefined[1]}` here; known are {', '.join(sorted(facts)) or 'no names at all'}"


@lru_cache(maxsize=512)
def _compiled(expression: str) -> Any:
    if len(expression.encode()) > EXPRESSION_BYTES_MAX:
        raise ExpressionError(expression, f"longer than {EXPRESSION_BYTES_MAX} bytes; split it or move it into limits")
    if len(_MACRO.findall(expression)) > MACROS_MAX:
        raise ExpressionError(expression, f"more than {MACROS_MAX} list macros (all, exists, map, filter)")
    try:
        return _module().compile(expression)
    except ValueError as error:
        found = _POSITION.search(str(error))
        if found is None:
            raise ExpressionError(expression, str(error)) from error
        reason = found[3].split(" expecting {")[0].removeprefix("Syntax error: ")
        raise ExpressionError(expression, f"not CEL: {reason}", int(found[1]), int(found[2])) from error


@lru_cache(maxsize=1)
def _module() -> ModuleType:
    """The compiled module alone. Raises ImportError naming the distribution that brings it."""
    package = PathFinder.find_spec("cel")
    for folder in (package.submodule_search_locations or ()) if package is not None else ():
        spec = FileFinder(folder, (ExtensionFileLoader, EXTENSION_SUFFIXES)).find_spec("cel")
        if spec is not None and spec.loader is not None:
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    raise ImportError("no compiled `cel` module: install common-expression-language")
