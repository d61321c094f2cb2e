"""A generation that failed has a record, and no PDF."""

from services.migrations import execute_script

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Let a record have no PDF's digest."""
    execute_script(CHECK.format(sizes="(0, 32)"))


def downgrade() -> None:
    """Require a digest again; fails while there are records of failed generations, which cannot be undone."""
    execute_script(CHECK.format(sizes="(32)"))


CHECK = """
ALTER TABLE lineage_records DROP CONSTRAINT ck_lineage_records_digests;
ALTER TABLE lineage_records ADD CONSTRAINT ck_lineage_records_digests CHECK (
    octet_length(template_digest) = 32 AND octet_length(environment_digest) = 32
    AND octet_length(inputs_sha256) = 32 AND octet_length(pdf_sha256) IN {sizes}
    AND octet_length(logs_sha256) = 32
);
"""
