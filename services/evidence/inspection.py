"""Check one subject's evidence as a ZIP file holds it."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from services.evidence import attachments
from services.evidence.archive import Evidence, SealedEntry
from services.evidence.checkpoints import Checkpoint
from services.evidence.entries import REMOVAL, Chain, Damage, Entry, Unreadable
from services.evidence.merkle import InvalidProof
from services.evidence.notes import InvalidNote, VerifierKey
from services.evidence.report import Report


def inspect(evidence: Evidence, keys: Sequence[VerifierKey], kept: Iterable[str] | None) -> Report:
    """Check everything in a ZIP file, and that checkpoints `kept` elsewhere do not contradict it."""
    report = Report()
    if evidence.key and evidence.key not in map(str, keys):
        report.damages.append(Damage("public-key.txt", "it is not the key that was given"))
    try:
        checkpoint = Checkpoint.read(evidence.checkpoint, keys)
    except InvalidNote as error:
        report.damages.append(Damage("checkpoint.txt", str(error)))
        return report
    if checkpoint.origin != evidence.origin:
        report.damages.append(Damage("manifest.json", f"the checkpoint is of {checkpoint.origin}"))
    if kept is not None:
        _compare(checkpoint, kept, keys, report)
    read = [_Read(f"entries/{at:04}.json", each, evidence) for at, each in enumerate(evidence.entries, 1)]
    told = (each.entry.forgotten_before for each in read if each.entry)
    chain = Chain(evidence.subject_field, evidence.subject, max(filter(None, told), default=None))
    seen: set[str] = set()
    for each in read:
        report.damages += _entry(each, evidence, keys, chain, seen)
    report.damages += _unproved(read)
    report.damages += chain.end(evidence.now)
    _attachments(evidence, read, report)
    _remark(evidence, checkpoint, chain, report)
    return report


class _Read:
    """An entry as it is in the archive, and as it reads."""

    def __init__(self, name: str, sealed: SealedEntry, evidence: Evidence) -> None:
        self.name = name
        self.sealed = sealed
        self.entry: Entry | None = None
        with suppress(Unreadable):
            self.entry = Entry.parse(sealed.canonical, evidence.subject_field)


def _entry(
    read: _Read,
    evidence: Evidence,
    keys: Sequence[VerifierKey],
    chain: Chain,
    seen: set[str],
) -> Iterator[Damage]:
    sealed, entry = read.sealed, read.entry
    if entry is None:
        yield Damage(read.name, "it is no entry")
        return
    # The entry that tells of what was forgotten is about nobody in particular.
    if entry.subject != evidence.subject and not (entry.subject is None and entry.forgotten_before):
        yield Damage(entry.place, f"it is not about {evidence.subject}")
        return
    if entry.id in seen:
        yield Damage(entry.place, "it is there twice")
    seen.add(entry.id)
    if sealed.proof:
        try:
            if sealed.proof.checkpoint != evidence.checkpoint:
                raise InvalidProof("the proof leads to another checkpoint than checkpoint.txt")
            sealed.proof.verify(sealed.canonical, keys)
        except (InvalidProof, InvalidNote) as error:
            yield Damage(entry.place, f"it is not what was sealed: {error}")
    if differing := list(entry.disagreements(sealed.openings)):
        yield Damage(entry.place, f"its values are not those that were sealed: {', '.join(differing)}")
    yield from chain.take(entry, sealed.openings)


def _unproved(entries: Sequence[_Read]) -> Iterator[Damage]:
    """Name entries without a proof that must have one.

    Of a chain, only the newest may be without: what is sealed comes after all before it. And a record that is
    not sealed proves nothing of its files.
    """
    behind = False
    for each in reversed(entries):
        if each.entry is None or each.entry.version is None:
            continue
        if each.sealed.proof is not None:
            behind = True
        elif behind or each.entry.record is not None:
            yield Damage(each.entry.place, "its proof is missing")


def _attachments(evidence: Evidence, entries: Sequence[_Read], report: Report) -> None:
    """Hold the files of a pack against the digests that were recorded."""
    records = [each.entry.record for each in entries if each.entry and each.entry.record is not None]
    stated = attachments.stated(records[-1]) if records else {}
    removed = [
        each for read in entries if read.entry and (each := _removed(read.entry, read.sealed)) is not None
    ]
    attached = evidence.attachments or ()
    if attached and not records:
        report.damages.append(Damage("record.json", "no entry states what was recorded"))
    report.damages += attachments.check(stated, attached, evidence.found, removed)
    report.remarks += [f"{each.name}: its SHA-256 is held to the recorded {each.digest}" for each in attached]
    if removed:
        names = ", ".join(sorted({each or "something" for each in removed}))
        report.remarks.append(f"removed, as an entry says, so not in it: {names}")


def _removed(entry: Entry, sealed: SealedEntry) -> str | None:
    """Return how the digests of what was removed begin, as an entry says; empty for any, None for none."""
    if entry.stated.get("action") != REMOVAL:
        return None
    try:
        return str(json.loads(sealed.openings["details"]["details"].text)["content"])
    except (KeyError, ValueError, TypeError):
        return ""


def _compare(
    checkpoint: Checkpoint, kept: Iterable[str], keys: Sequence[VerifierKey], report: Report
) -> None:
    """Hold kept checkpoints of the same size against this one; those of other sizes say nothing here."""
    same = False
    for number, note in enumerate(kept, 1):
        try:
            other = Checkpoint.read(note, keys)
        except InvalidNote as error:
            report.damages.append(Damage(f"kept checkpoint {number}", str(error)))
            continue
        if other.size == checkpoint.size:
            same = True
            if other.root != checkpoint.root:
                report.damages.append(
                    Damage("checkpoint.txt", f"the kept checkpoint of size {other.size} has another root")
                )
    if not same:
        report.damages.append(Damage("checkpoint.txt", f"no kept checkpoint has its size, {checkpoint.size}"))


def _remark(evidence: Evidence, checkpoint: Checkpoint, chain: Chain, report: Report) -> None:
    report.remarks.append(
        f"{len(evidence.entries)} entries about {chain.subject_field} {chain.subject}, up to version "
        f"{chain.version}, in {checkpoint.origin} at size {checkpoint.size}"
    )
    if tail := sum(1 for each in evidence.entries if each.proof is None):
        report.remarks.append(f"not yet under the checkpoint, so proved by their chain alone: {tail} entries")
    if chain.unknown:
        report.remarks.append(f"erased, so not comparable: {', '.join(sorted(chain.unknown))}")
    report.remarks.append("not provable from a ZIP: that there are no newer entries than these")
