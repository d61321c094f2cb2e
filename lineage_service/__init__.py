"""Lineage: where every PDF came from, with the raw inputs kept whole.

This context owns the lineage records, the raw inputs and pipeline logs that belong to them, and the
audit of who read them. Invariants:

- A report has at most one lineage, and a recorded lineage never changes: the application's database
  role can add and read, not alter or remove.
- Bytes are stored only after every size and digest announced for them was found true, and they
  leave as they came.
- Nothing is read without an entry in the access audit, which is committed before the first byte.
- What is removed, by its age or an erasure, leaves its header, digests and audit. What is held stays.

It calls no other context.
"""
