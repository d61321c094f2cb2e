"""Lineages are found by digests and by the words of their logs; raw inputs have one digest for all parts."""

import gzip
import io

import asyncpg
from alembic import op

from lineage_service.words import LogWords
from services.migrations import execute_script

revision = "0003"
down_revision = "0002"

READ_BYTES = 1024 * 1024


def upgrade() -> None:
    """Create everything, for what is recorded already too."""
    execute_script(DIGEST)
    execute_script(INDEXES)
    execute_script(WORDS)
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None
    connection.run_async(index_logs)
    execute_script(WORDS_INDEXES)


def downgrade() -> None:
    """Drop everything."""
    execute_script(DOWN)


async def index_logs(driver: asyncpg.Connection) -> None:
    """Collect the words of every log that is there."""
    for record in await driver.fetch("SELECT lineage_id, created_at FROM lineage_records"):
        pieces = await driver.fetch(
            "SELECT content FROM lineage_logs WHERE lineage_id = $1 ORDER BY number", record["lineage_id"]
        )
        words = LogWords()
        with gzip.open(io.BytesIO(b"".join(piece["content"] for piece in pieces))) as log:
            while data := log.read(READ_BYTES):
                words.add(data)
        await driver.execute(
            "INSERT INTO lineage_log_words VALUES ($1, $2, array_to_tsvector($3::text[]))",
            record["lineage_id"],
            record["created_at"],
            sorted(words.found()),
        )


# The guard against changes is for those who come after. Sizes are kept in one number too: a sum over all
# records must not open a list in each.
DIGEST = """
ALTER TABLE lineage_records
    ADD COLUMN inputs_gzip_sha256 bytea,
    ADD COLUMN raw_inputs_gzip_size_bytes integer;
ALTER TABLE lineage_records DISABLE TRIGGER guard;
UPDATE lineage_records AS record SET (inputs_gzip_sha256, raw_inputs_gzip_size_bytes) = (
    SELECT sha256(string_agg(content, ''::bytea ORDER BY number)), sum(octet_length(content))
      FROM lineage_parts WHERE lineage_parts.lineage_id = record.lineage_id);
ALTER TABLE lineage_records ENABLE ALWAYS TRIGGER guard;
ALTER TABLE lineage_records
    ALTER COLUMN inputs_gzip_sha256 SET NOT NULL,
    ALTER COLUMN raw_inputs_gzip_size_bytes SET NOT NULL,
    ADD CONSTRAINT ck_lineage_records_inputs_gzip CHECK (
        octet_length(inputs_gzip_sha256) = 32 AND raw_inputs_gzip_size_bytes > 0
    );
"""

# The identifier comes last so that pages can go on from any row of an equal time.
INDEXES = """
CREATE INDEX ix_lineage_records_pdf_sha256 ON lineage_records (pdf_sha256, created_at, lineage_id);
CREATE INDEX ix_lineage_records_inputs_sha256 ON lineage_records (inputs_sha256, created_at, lineage_id);
"""

# Apart from the records, so that lists do not read words and a log that goes takes its words with it.
WORDS = """
CREATE TABLE lineage_log_words (
    lineage_id uuid NOT NULL CONSTRAINT pk_lineage_log_words PRIMARY KEY
        CONSTRAINT fk_lineage_log_words_lineage_id REFERENCES lineage_records (lineage_id),
    created_at timestamptz NOT NULL,
    words      tsvector NOT NULL
);
GRANT SELECT, INSERT ON lineage_log_words TO lineage_app;
"""

# No pending list: whoever searches would have to read it through. A rare word must be known to be rare, or
# a search for it walks along the order instead.
WORDS_INDEXES = """
CREATE INDEX ix_lineage_log_words_created_at ON lineage_log_words (created_at, lineage_id);
CREATE INDEX ix_lineage_log_words_words ON lineage_log_words USING gin (words) WITH (fastupdate = off);
ALTER TABLE lineage_log_words ALTER COLUMN words SET STATISTICS 1000;
"""

DOWN = """
DROP TABLE lineage_log_words;
DROP INDEX ix_lineage_records_pdf_sha256;
DROP INDEX ix_lineage_records_inputs_sha256;
ALTER TABLE lineage_records DROP COLUMN inputs_gzip_sha256, DROP COLUMN raw_inputs_gzip_size_bytes;
"""
