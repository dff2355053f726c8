"""Conditions as Kubernetes has them, made from what was found; a time moves only when a status flips."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from slacktenant_operator.model import Condition
from slacktenant_operator.reasons import Kind, Reason, sentence

Answer = Literal["True", "False", "Unknown"]


class Finding(NamedTuple):
    """How one aspect stands."""

    kind: Kind
    status: Answer
    reason: Reason
    message: str


def holds(kind: Kind, reason: Reason, **facts: str) -> Finding:
    """The condition is true."""
    return Finding(kind, "True", reason, sentence(reason, **facts))


def fails(kind: Kind, reason: Reason, **facts: str) -> Finding:
    """The condition is false."""
    return Finding(kind, "False", reason, sentence(reason, **facts))


def unknown(kind: Kind, reason: Reason, **facts: str) -> Finding:
    """Nobody can say now."""
    return Finding(kind, "Unknown", reason, sentence(reason, **facts))


def merged(
    before: Sequence[Condition], findings: Iterable[Finding], *, generation: int, now: str
) -> tuple[Condition, ...]:
    """The conditions that say `findings` from now on (RFC 3339). Equal to `before` where they say nothing new."""
    known = {condition.type: condition for condition in before}
    return tuple(_merge(known.get(finding.kind), finding, generation=generation, now=now) for finding in findings)


def _merge(before: Condition | None, finding: Finding, *, generation: int, now: str) -> Condition:
    flipped = before is None or before.status != finding.status
    return Condition(
        type=finding.kind.value,
        status=finding.status,
        reason=finding.reason.value,
        message=finding.message,
        last_transition_time=now if before is None or flipped else before.last_transition_time,
        observed_generation=generation,
    )


def find(conditions: Iterable[Condition], kind: Kind) -> Condition | None:
    """The condition of a kind."""
    return next((condition for condition in conditions if condition.type == kind), None)


def transitions(before: Iterable[Condition], after: Iterable[Condition]) -> list[Condition]:
    """Those of `after` that a person wants to hear of: whose status or reason is another, or which are new and fail."""
    known = {condition.type: (condition.status, condition.reason) for condition in before}
    return [condition for condition in after if _worth_telling(known.get(condition.type), condition)]


def _worth_telling(before: tuple[str, str] | None, after: Condition) -> bool:
    if before is None:
        return after.type == Kind.READY or (after.status == "False" and after.type != Kind.SATURATED)
    return before != (after.status, after.reason)


def kept(condition: Condition) -> Finding:
    """What was found before, where nothing needs to be found out now."""
    return Finding(Kind(condition.type), condition.status, Reason(condition.reason), condition.message)
