"""The worlds that are explored, and the protocol with one rule broken, each with the smallest world that shows it."""

from dataclasses import dataclass

from tests.faults.model.protocol import Config, Rules

_RATE = ("recurring",)
_PAUSE = ("pause", "resume")

# Every kind of schedule, with open transactions where two meet, in a few thousand states: for each test run.
SMALL = (
    Config("one occurrence", occurrences=1, creators=2, executors=2, open_transactions=True),
    Config("one occurrence, paused and resumed", _RATE, 1, 2, user=_PAUSE, open_transactions=True),
    Config("a single instant that is resumed after it fired", ("absolute",), 1, executors=2, user=_PAUSE),
    Config("jobs that fail and are tried again", occurrences=1, executors=2, may_fail=True),
    Config("at most once", occurrences=1, executors=2, at_most_once=True, open_transactions=True),
    Config("at most once, with failures", occurrences=1, executors=2, at_most_once=True, may_fail=True),
    Config("a delay after each run", ("relative",), executors=2),
)
# What takes longer, for campaigns.
LARGE = (
    Config("two occurrences, two executors", executors=2),
    Config("two occurrences, two creators", creators=2),
    Config("two occurrences that are paused and resumed", user=_PAUSE),
    Config("two occurrences that are edited", user=("edit",)),
    Config("two schedules in one message", ("absolute", "absolute"), 1),
    Config("a delay after each run that is paused and resumed", ("relative",), executors=2, user=_PAUSE),
    Config("three attempts", occurrences=1, executors=2, creators=2, attempts=3),
    Config("one occurrence that is edited", _RATE, 1, 2, 2, user=("edit",), open_transactions=True),
)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A broken rule, a world in which it shows, and what exploring that world must find."""

    name: str
    rules: Rules
    config: Config
    finds: str


_OPEN = Config("open", occurrences=1, creators=2, open_transactions=True)
_ONE = Config("one", occurrences=1, executors=2)
_RELATIVE = Config("relative", ("relative",))
_PAUSED = Config("paused", occurrences=1, user=("pause",))
_ONCE = Config("once", occurrences=1, executors=2, at_most_once=True)
TWICE, TAKEN, STUCK = "decided twice", "within its lease", "the work is never done"
UNWANTED, AGAIN = "although its schedule was paused", "sent again"

MUTANTS = (
    Mutant("no locks: two creators decide the same trigger", Rules(locks=False), _OPEN, TAKEN),
    Mutant("no unique key", Rules(unique=False), Config("resumed", ("absolute",), 1, user=_PAUSE), TWICE),
    Mutant("send before commit", Rules(sends_after_commit=False), _OPEN, "when a timer"),
    Mutant("a resend forgets to come back", Rules(resends_again=False), _ONE, STUCK),
    Mutant(
        "the successor is planned after execution",
        Rules(plans_successor_when_dispatched=False),
        Config("recurring"),
        "0 successors",
    ),
    Mutant(
        "a relative successor is planned after the end was committed",
        Rules(plans_successor_with_the_end=False),
        _RELATIVE,
        "0 successors",
    ),
    Mutant("claim without compare-and-set", Rules(claims_only_queued=False), _ONE, TAKEN),
    Mutant("claim without a lease", Rules(claim_takes_a_lease=False), _ONE, STUCK),
    Mutant("another attempt under the same number", Rules(claim_counts_attempts=False), _ONE, "the same attempt"),
    Mutant("no fence", Rules(fence=False), _ONE, "wrote its outcome"),
    Mutant("recover whoever executes, lease or not", Rules(recovers_only_lost=False), _ONE, TAKEN),
    Mutant("recover what was paused meanwhile", Rules(recovers_only_unchanged=False), _PAUSED, UNWANTED),
    Mutant("never give up", Rules(gives_up=False), _ONE, "an attempt too many"),
    Mutant("pause without cancelling", Rules(cancels_what_is_planned=False), _PAUSED, UNWANTED),
    Mutant("mark after sending what may be sent once only", Rules(marks_before_sending=False), _ONCE, AGAIN),
    Mutant("repeat what was marked as being sent", Rules(never_repeats_what_was_marked=False), _ONCE, AGAIN),
)
