"""Who is acting, and in which call: carried by context variables from the edge to the database.

Standard library only, so that anything may ask.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Actor:
    """Who an action is accounted to."""

    subject: str
    """The person's subject, or ``system:<process>`` for work that no person asked for."""
    roles: frozenset[str] = frozenset()
    """Lower-case role names; a process holds none."""
    workload: str | None = None
    """The process that acts, if the call was made with a process's token."""
    ip: str = ""
    """Address of the person's machine as the gateway saw it, or of the direct caller."""
    user_agent: str = ""

    @property
    def is_person(self) -> bool:
        """True if a person asked for this, even when a process carries it out."""
        return not self.subject.startswith("system:")


@dataclass(frozen=True)
class Call:
    """The RPC that is being served."""

    method: str
    """Full name, such as ``leadfactory.lead.v1.LeadService/GetLead``."""
    request_id: str
    traceparent: str = ""
    """W3C trace context as received; empty if none was."""
    bearer: str = ""
    """The principal's token, to be forwarded to other services; never logged."""
    deadline: float | None = None
    """Instant on the monotonic clock by which the caller wants the answer."""


_actor: ContextVar[Actor | None] = ContextVar("actor", default=None)
_call: ContextVar[Call | None] = ContextVar("call", default=None)


def current_actor() -> Actor:
    """Return who is acting; raises LookupError outside of any call or job."""
    actor = _actor.get()
    if actor is None:
        raise LookupError("no actor: wrap the work in acting_as()")
    return actor


def actor_if_any() -> Actor | None:
    """Return who is acting, or None outside of any call or job."""
    return _actor.get()


def current_call() -> Call | None:
    """Return the RPC being served, or None in a worker."""
    return _call.get()


@contextmanager
def acting_as(actor: Actor) -> Iterator[Actor]:
    """Account everything inside the block to this actor."""
    before = _actor.get()
    _actor.set(actor)
    try:
        yield actor
    finally:
        # Set, not reset: a streaming RPC may be closed from another context than it began in.
        _actor.set(before)


@contextmanager
def serving(call: Call) -> Iterator[Call]:
    """Mark everything inside the block as part of this RPC."""
    before = _call.get()
    _call.set(call)
    try:
        yield call
    finally:
        _call.set(before)
