"""A property that did not hold."""

from __future__ import annotations

PROPERTIES = {
    "D25": "what a manager says counts for its own intents alone, and who yields does so in the stated order",
    "I1": "a node follows one leader a term, a leader leads nobody whose follow it lacks, an assent is for one plan",
    "I2": "a run_once key is never active twice at one real moment",
    "I3": "an admission never makes what is reserved exceed what the node has",
    "I4": "nothing runs without a subscription on that node's disk, and nothing outlives its terms",
    "I5": "every entry that a surviving node holds reaches the manager, and an acknowledged one is never lost",
    "I6": "no second of an instance is counted twice, and none that was provided is missing",
    "I7": "a healed and quiet site has one leader and one plan, fills what can be filled, and moved no healthy work",
    "I8": "a message that is malformed, forged, replayed or stale changes nothing",
    "I9": "a withdrawn intent's roles stop everywhere within 10 s of reconnection",
    "I10": "terms, plans, generations, rosters and verdicts never go back while their disk or store does not",
    "I11": "within a stated time of the last change every node has a leader, itself if need be",
    "I12": "there is no state from which a healed site cannot settle",
    "I13": "every assent's hold ends",
    "J1": "two entries of one number end the life that they are in, and are both kept and reported",
    "J4": "after each start the manager gives no new word before it has heard its own from the site",
    "N1": "every start opens a new life, whose first entry links to the last own entry on its disk",
    "R1": "a verdict names what the site decided, and is given on the evidence that led to it",
    "R4": "what an operator holds stays held, whatever plan and manager want, until somebody lifts it",
    "U1": "a node that was power-cycled while the site is cut off brings its work back by itself",
    "U2": "manager and site converge by themselves after the link returns",
    "U3": "healthy work is not stopped because the link dropped or came back",
    "U4": "a site is operated locally while it is cut off",
    "U5": "the last one or two nodes carry on, without what needs a quorum",
    "U6": "nothing dead is shown as running",
    "U7": "a link that is cut is told from a node that is dead",
    "U12": "an agent restarts or is upgraded, and its workloads do not notice",
    "X5": "who hears that it was taken out stops all in time, and who gave exclusiveness up stops on contact",
    "D24": "who validates and reports is as the governance says, and nobody measures itself where another does",
    "L6": "a leader that may not lead any more hands over, if somebody could lead all whom it hears",
    "L7": "a part that is too small to decide something gives nothing anew",
    "M2": "a part that no manager answers is declared isolated in time",
    "M5": "a plan says for both modes who does what, before the link drops",
}


class Violation(Exception):
    """A property that was broken, with what broke it."""

    def __init__(self, property_id: str, what: str) -> None:
        self.property_id = property_id
        self.what = what
        super().__init__(f"{property_id} ({PROPERTIES[property_id]}): {what}")
