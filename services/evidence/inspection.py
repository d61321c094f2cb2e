"""Check one subject's evidence as a ZIP file holds it."""

from collections.abc import Iterable, Iterator, Sequence

from services.evidence.archive import Evidence, SealedEntry
from services.evidence.checkpoints import Checkpoint
from services.evidence.entries import Chain, Damage, Entry, Unreadable
from services.evidence.merkle import InvalidProof
from services.evidence.notes import InvalidNote, VerifierKey
from services.evidence.report import Report


def inspect(evidence: Evidence, keys: Sequence[VerifierKey], kept: Iterable[str] | None) -> Report:
    """Check everything in a ZIP file, and that checkpoints `kept` elsewhere do not contradict it."""
    report = Report()
    try:
        checkpoint = Checkpoint.read(evidence.checkpoint, keys)
    except InvalidNote as error:
        report.damages.append(Damage("checkpoint.txt", str(error)))
        return report
    if checkpoint.origin != evidence.origin:
        report.damages.append(Damage("manifest.json", f"the checkpoint is of {checkpoint.origin}"))
    if kept is not None:
        _compare(checkpoint, kept, keys, report)
    chain = Chain(evidence.subject_field, evidence.subject)
    seen: set[str] = set()
    for number, sealed in enumerate(evidence.entries, 1):
        report.damages += _entry(f"entries/{number:04}.json", sealed, evidence, keys, chain, seen)
    report.damages += chain.end(evidence.now)
    _remark(evidence, checkpoint, chain, report)
    return report


def _entry(
    name: str,
    sealed: SealedEntry,
    evidence: Evidence,
    keys: Sequence[VerifierKey],
    chain: Chain,
    seen: set[str],
) -> Iterator[Damage]:
    try:
        entry = Entry.parse(sealed.canonical, evidence.subject_field)
    except Unreadable:
        yield Damage(name, "it is no entry")
        return
    if entry.subject != evidence.subject:
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
