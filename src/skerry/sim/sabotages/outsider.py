"""A sabotage from outside: a Python file that whoever wrote it wants run against the checkers.

The file is code, and it is run, in the simulator's process and nowhere else. What is looked for in it:

- `plant(patch)`, needed: takes a rule out by `patch.setattr(target, name, value)`, where the target is a module or a
  class of `skerry.core`; all of it is put back afterwards;
- the file's docstring, whose first line is the sabotage's name (else the file's);
- `NOTICED_BY`: ids of properties, one of which has to break, such as `("I2",)`; any if it is left out;
- `shape(options)`: narrows a drawn world down, as those of `skerry.sim.sabotages.shapes` do;
- `SEEDS`: worlds to try first; `BUDGET`: worlds within which it has to be noticed.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

from skerry.sim.sabotages.sabotage import Sabotage, as_drawn
from skerry.sim.violation import PROPERTIES


class NotASabotage(Exception):
    """The file is none; says why."""


def load(file: Path) -> Sabotage:
    """Run the file, and take the sabotage that it describes. Raises `NotASabotage`."""
    module = _run(file)
    plant = getattr(module, "plant", None)
    if not callable(plant):
        raise NotASabotage(f"{file}: it defines no function plant(patch)")
    noticed_by = tuple(getattr(module, "NOTICED_BY", ()))
    unknown = [name for name in noticed_by if name not in PROPERTIES]
    if unknown:
        raise NotASabotage(
            f"{file}: NOTICED_BY names {', '.join(map(str, unknown))}; known are {', '.join(PROPERTIES)}"
        )
    return Sabotage(
        name=((module.__doc__ or "").strip() or file.stem).splitlines()[0],
        plant=plant,
        noticed_by=noticed_by,
        shape=getattr(module, "shape", as_drawn),
        seeds_known=tuple(getattr(module, "SEEDS", ())),
        budget=int(getattr(module, "BUDGET", Sabotage.budget)),
    )


def _run(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("sabotage_from_outside", file)
    if spec is None or spec.loader is None:
        raise NotASabotage(f"{file}: not a Python file (its name has to end in .py)")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever its author got wrong is told, and nothing has been planted
        raise NotASabotage(f"{file}: {type(error).__name__}: {error}") from error
    return module
