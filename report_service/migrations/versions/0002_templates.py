"""Versions of templates that admins create."""

from alembic import op

from services.migrations import execute_script

revision = "0002"
down_revision = "0001"

ROLE = "report_app"


def upgrade() -> None:
    """Create the table, and what guards it."""
    execute_script(TABLE)
    execute_script(GUARD)
    execute_script(GRANTS)


def downgrade() -> None:
    """Drop both."""
    op.execute("DROP TABLE template_versions")
    op.execute("DROP FUNCTION template_versions_guard")


TABLE = """
CREATE TABLE template_versions (
    name               text        NOT NULL CONSTRAINT ck_template_versions_name
                                   CHECK (name ~ '^[a-z][a-z0-9_]{0,63}$'),
    version            text        NOT NULL CONSTRAINT ck_template_versions_version
                                   CHECK (version ~ '^(0|[1-9][0-9]*)[.](0|[1-9][0-9]*)[.](0|[1-9][0-9]*)$'),
    digest             text        NOT NULL CONSTRAINT ck_template_versions_digest
                                   CHECK (digest ~ '^[0-9a-f]{64}$'),
    status             text        NOT NULL CONSTRAINT ck_template_versions_status
                                   CHECK (status IN ('DRAFT', 'PUBLISHED', 'RETIRED')),
    locales            text[]      NOT NULL,
    files              jsonb       NOT NULL,
    object_key         text        NOT NULL,
    archive_size_bytes integer     NOT NULL CONSTRAINT ck_template_versions_archive_size_bytes
                                   CHECK (archive_size_bytes > 0),
    created_by         text        NOT NULL,
    created_at         timestamptz NOT NULL,
    published_by       text,
    published_at       timestamptz,
    retired_by         text,
    retired_at         timestamptz,

    CONSTRAINT pk_template_versions PRIMARY KEY (name, version),
    CONSTRAINT ck_template_versions_published_has_date CHECK (
        (status = 'DRAFT') = (published_at IS NULL) AND (published_at IS NULL) = (published_by IS NULL)
    ),
    CONSTRAINT ck_template_versions_retired_has_date CHECK (
        (status = 'RETIRED') = (retired_at IS NOT NULL) AND (retired_at IS NULL) = (retired_by IS NULL)
    )
);
"""

GUARD = """
-- What no statement may do to a version, whoever writes it: a report names it for ever.
CREATE FUNCTION template_versions_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'DRAFT' THEN
            RAISE EXCEPTION 'template version %@% begins as a draft', NEW.name, NEW.version
                USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'template_versions_begin';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' THEN
        IF OLD.status <> 'DRAFT' THEN
            RAISE EXCEPTION 'template version %@% was published, and stays', OLD.name, OLD.version
                USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'template_versions_stay';
        END IF;
        RETURN OLD;
    END IF;
    IF (NEW.name, NEW.version, NEW.digest, NEW.locales, NEW.files, NEW.object_key, NEW.archive_size_bytes)
            IS DISTINCT FROM
        (OLD.name, OLD.version, OLD.digest, OLD.locales, OLD.files, OLD.object_key, OLD.archive_size_bytes)
        OR (OLD.status, NEW.status) NOT IN (('DRAFT', 'PUBLISHED'), ('PUBLISHED', 'RETIRED'))
    THEN
        RAISE EXCEPTION 'template version %@% never changes', OLD.name, OLD.version
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'template_versions_never_change';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER template_versions_guard BEFORE INSERT OR UPDATE OR DELETE ON template_versions
    FOR EACH ROW EXECUTE FUNCTION template_versions_guard();
"""

GRANTS = f"""
GRANT SELECT, INSERT, DELETE ON template_versions TO {ROLE};
GRANT UPDATE (status, published_by, published_at, retired_by, retired_at) ON template_versions TO {ROLE};
"""
