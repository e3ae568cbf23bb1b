"""All checkers, in the order of their properties."""

from __future__ import annotations

from skerry.sim.checkers.checker import Checker
from skerry.sim.checkers.d24_offices import Offices
from skerry.sim.checkers.d25_owners import Owners
from skerry.sim.checkers.i01_one_leader import OneLeader
from skerry.sim.checkers.i02_run_once import RunOnce
from skerry.sim.checkers.i03_admission import Admission
from skerry.sim.checkers.i04_terms import Terms
from skerry.sim.checkers.i05_journal import JournalArrives
from skerry.sim.checkers.i06_metering import Metering
from skerry.sim.checkers.i07_quiet import Quiet
from skerry.sim.checkers.i08_stale import Stale
from skerry.sim.checkers.i09_withdrawn import Withdrawn
from skerry.sim.checkers.i10_forward import Forward
from skerry.sim.checkers.i11_leader import EveryoneIsLed
from skerry.sim.checkers.i12_settles import Settles
from skerry.sim.checkers.i13_holds_end import HoldsEnd
from skerry.sim.checkers.j1_forks import ForksEnd
from skerry.sim.checkers.j4_listens import Listens
from skerry.sim.checkers.l6_hands_over import HandsOver
from skerry.sim.checkers.l7_smallest_part import SmallestPart
from skerry.sim.checkers.m2_isolation import Isolation
from skerry.sim.checkers.m5_voted_ahead import VotedAhead
from skerry.sim.checkers.n1_lives import Lives
from skerry.sim.checkers.r1_verdicts import Verdicts
from skerry.sim.checkers.r4_holds import Holds
from skerry.sim.checkers.states import States
from skerry.sim.checkers.u01_power_cycle import PowerCycle
from skerry.sim.checkers.u02_converges import Converges
from skerry.sim.checkers.u03_left_alone import LeftAlone
from skerry.sim.checkers.u04_operated_locally import OperatedLocally
from skerry.sim.checkers.u05_last_survivor import LastSurvivor
from skerry.sim.checkers.u06_nothing_dead import NothingDead
from skerry.sim.checkers.u07_cut_is_not_dead import CutIsNotDead
from skerry.sim.checkers.u12_unnoticed import Unnoticed
from skerry.sim.checkers.x5_rosters import Rosters

CHECKERS: tuple[type[Checker], ...] = (
    OneLeader,
    RunOnce,
    Admission,
    Terms,
    JournalArrives,
    Metering,
    Quiet,
    Stale,
    Withdrawn,
    Forward,
    EveryoneIsLed,
    Settles,
    HoldsEnd,
    ForksEnd,
    Listens,
    HandsOver,
    SmallestPart,
    Isolation,
    VotedAhead,
    Lives,
    Verdicts,
    Holds,
    Offices,
    Owners,
    PowerCycle,
    Converges,
    LeftAlone,
    OperatedLocally,
    LastSurvivor,
    NothingDead,
    CutIsNotDead,
    Unnoticed,
    Rosters,
    States,
)
