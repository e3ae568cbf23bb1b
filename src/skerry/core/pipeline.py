"""READ FIRST. What happens to an intent, from the wish to the account of what was delivered.

Data flows one way, in the order of `STAGES`; the folders of `core/stages` bear the same names. How nodes decide
together, whatever they decide about, lies beside the stages in `core/group`. Two actors run the machines: `agent` on
every node, `manager` at head office. Everything in `core` is pure: time, chance and all that happened come in with an
`Input`, all that is to be done leaves with `Effects`.
"""

from __future__ import annotations

from skerry.core.kernel.values import Value


class Stage(Value, frozen=True, kw_only=True):
    """One stage: what it takes, what it gives, where it is done."""

    name: str
    takes: str
    gives: str
    where: str
    """`manager`, `node`, `leader`, `site` (all nodes together)."""


STAGES: tuple[Stage, ...] = (
    Stage(
        name="intent",
        takes="manifests that people write",
        gives="a functionality that is wanted, with limits",
        where="manager",
    ),
    Stage(
        name="ir",
        takes="an intent and the catalogue",
        gives="roles with measurable standards, management roles and governance: one set connected, one isolated",
        where="manager",
    ),
    Stage(
        name="capability",
        takes="the machine and its owner's word",
        gives="what a node has, and what of it is free",
        where="node",
    ),
    Stage(
        name="fit",
        takes="an IR, and the node's own test runs",
        gives="how well the node fills each role, measured",
        where="node",
    ),
    Stage(
        name="proposal",
        takes="the fits of all members",
        gives="for each open slot the candidates in order, and why not the others",
        where="leader",
    ),
    Stage(
        name="negotiation",
        takes="proposals and ballots",
        gives="a plan that the site agrees on, for both modes",
        where="site",
    ),
    Stage(
        name="subscription",
        takes="the plan, the mode in force, the grants",
        gives="processes that run, and none without a subscription",
        where="node",
    ),
    Stage(
        name="lookup",
        takes="what runs where",
        gives="to a client the endpoint of an interface",
        where="node",
    ),
    Stage(
        name="monitoring",
        takes="running instances",
        gives="readings: seconds provided, figures measured by others than the holder",
        where="node",
    ),
    Stage(
        name="ratification",
        takes="a temporary plan and the journal that led to it",
        gives="a verdict: final or replaced",
        where="manager",
    ),
    Stage(
        name="history",
        takes="readings and verdicts",
        gives="compliance, and the seconds of use that are proven",
        where="manager",
    ),
)
"""In order. `history` feeds `fit`: the loop closes."""
