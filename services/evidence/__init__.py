"""Evidence that a log was only ever appended to, in formats that others can check.

A log's entries are the leaves of a Merkle tree (RFC 6962, RFC 9162), whose size and root are signed
as C2SP checkpoints. The package knows no context: a context says which table is its log.
`python -m services.evidence verify` checks a ZIP or a database and needs nothing but a public key.
"""
