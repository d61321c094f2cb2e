"""What an archive of evidence says of itself, in plain words."""

OF_SUBJECT = """This is evidence about {field} {subject} from the log {origin}.

Each file entries/NNNN.json is one entry of the log, byte for byte. Instead of values it holds SHA-256 of
a random salt and the values; both are beside it in NNNN.values.json, unless they were erased.
NNNN.tlog-proof (c2sp.org/tlog-proof) proves that the entry is in the log at the size that checkpoint.txt
(c2sp.org/tlog-checkpoint) states and signs.

To check all of it, without a network, with the log's public key, which you have from elsewhere:

    python -m services.evidence verify THIS.zip --key PUBLIC_KEY [--checkpoints FILE]

FILE holds checkpoints that were kept outside of the log's database. What is proved is that what is here was
logged, in this order, and not changed since. That there are no newer entries cannot be proved from here.
"""

OF_PACK = """This is an evidence pack, about {field} {subject}.
It shows one document, what it was made from, and who has looked at that; and it proves that none of this
was changed since it was recorded.

What is in it:

{attachments}
record.json
    What was recorded: ids, times, and the SHA-256 of each file above (bytes are written as \\x and
    hexadecimal digits).
entries/NNNN.json
    The entries of the log {origin}
    about this record, byte for byte, oldest first. The entry with the action RECORD states all of
    record.json; the others say who read what and when, and what was removed.
entries/NNNN.values.json
    Details of that entry, such as why something was removed, with a random salt. The entry itself holds only
    their SHA-256, so that they can be forgotten without breaking a proof.
entries/NNNN.tlog-proof
    Proves that the entry is in the log (c2sp.org/tlog-proof). The newest entries may have none yet.
checkpoint.txt
    The log's size and the hash over all its entries, signed (c2sp.org/tlog-checkpoint). Every proof leads
    here.
public-key.txt
    The key that signed. Compare it with the one that you were given on another way, and trust that one.
manifest.json
    Which of the record's digests belongs to which file.

To check all of it, without a network, with the log's public key, which you have from elsewhere:

    python -m services.evidence verify THIS.zip --key PUBLIC_KEY [--checkpoints FILE]

It prints "intact" and ends with status 0, or names what was damaged and ends with 1; 2 means that it could
not be checked. FILE holds checkpoints that were kept outside of the log's database. Without that command: the
SHA-256 of a file, by `sha256sum`, must be the one in record.json and in the RECORD entry.

That there are no newer entries than these cannot be proved from here, nor that what was recorded was true.
"""
