"""The checks before a bundle is published. They run what strangers wrote: in a render process only.

A bundle passes if its sample fits its schema, if the page can be filled from the sample in every locale
and set in English with not one complaint, and if every letter has a glyph in the bundle's own fonts.
"""

import json
import unicodedata
from collections.abc import Iterator, Mapping
from hashlib import sha256

import rfc8785
from jinja2 import TemplateError, TemplateSyntaxError
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # ships no types
from jsonschema.exceptions import SchemaError  # type: ignore[import-untyped]  # no stubs in the lock
from referencing import Registry

from report_service.rendering import shape
from report_service.rendering.bundles import digest_of
from report_service.rendering.document import Line, make_pdf
from report_service.rendering.glyphs import characters_of
from report_service.rendering.metadata import NIL, PdfIdentity
from report_service.rendering.template import FALLBACK, FONTS, PAGE, Template
from report_service.rendering.text import shown
from services.errors import FieldViolation

MOST = 20
"""Flaws told of at once."""


def inspect(files: Mapping[str, bytes]) -> list[FieldViolation]:
    """Return what keeps the bundle from being published, each flaw with the file to mend; none is well."""
    for stage in (shape.flaws, _data_flaws, _font_flaws, _page_flaws):
        found = [
            FieldViolation(each.field, shown(each.description, 500), each.reason)
            for each, _ in zip(stage(files), range(MOST), strict=False)
        ]
        if found:
            return found
    return []


def _data_flaws(files: Mapping[str, bytes]) -> Iterator[FieldViolation]:
    schema, sample = json.loads(files["schema.json"]), json.loads(files["sample.json"])
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        yield FieldViolation("schema.json", f"{error.json_path}: {error.message}", "SCHEMA_INVALID")
        return
    # A registry of its own, and empty: a schema that refers to another address finds nothing there.
    validator = Draft202012Validator(schema, registry=Registry())
    try:
        for misfit in validator.iter_errors(sample):
            yield FieldViolation("sample.json", f"{misfit.json_path}: {misfit.message}", "SAMPLE_INVALID")
    except Exception as error:  # an unknown reference, an endless one, or a pattern that is none
        yield FieldViolation("schema.json", f"cannot be applied: {error}", "SCHEMA_INVALID")


def _font_flaws(files: Mapping[str, bytes]) -> Iterator[FieldViolation]:
    for name in files:
        if name.endswith(FONTS):
            try:
                characters_of(files[name])
            except Exception as error:  # whatever a parser makes of a stranger's bytes
                yield FieldViolation(name, f"is no usable font: {error}", "FONT_INVALID")


def _page_flaws(files: Mapping[str, bytes]) -> Iterator[FieldViolation]:
    try:
        template = Template(files, machine_fonts=False)
    except TemplateSyntaxError as error:
        yield FieldViolation(error.name or PAGE, f"line {error.lineno}: {error.message}", "TEMPLATE_INVALID")
        return
    sample, digest = json.loads(files["sample.json"]), digest_of(files)
    for locale in sorted(name[8:-5] for name in files if name.startswith("strings/")):
        inputs = rfc8785.dumps(sample | {"locale": locale})
        identity = PdfIdentity(NIL, NIL, NIL, "check", "check@0.0.0", digest, sha256(inputs).hexdigest())
        log: list[Line] = []
        try:
            page = template.html(json.loads(inputs), identity)
            # Setting takes most of the time, and does not differ by language.
            if locale == FALLBACK:
                make_pdf(template, inputs, identity, log)
        except TemplateSyntaxError as error:
            yield FieldViolation(
                error.name or PAGE, f"line {error.lineno}: {error.message}", "TEMPLATE_INVALID"
            )
        except MemoryError:
            raise
        except (TemplateError, KeyError) as error:
            yield FieldViolation(PAGE, f"cannot be filled in {locale}: {error}", "TEMPLATE_FAILED")
        except Exception as error:
            yield FieldViolation(PAGE, f"cannot be made in {locale}: {error}", "TEMPLATE_FAILED")
        else:
            for message in dict.fromkeys(line["message"] for line in log if "message" in line):
                yield FieldViolation(PAGE, f"complaint: {message}", "TEMPLATE_WARNING")
            # What the page prints has been replaced already; what it says itself has not.
            own = template.glyphs
            if lacking := sorted(own.lacking.union(each for each in page if not own.has(each))):
                yield FieldViolation(
                    f"strings/{locale}.json",
                    f"the bundle's fonts lack {len(lacking)} letters of the page: {_named(lacking)}",
                    "GLYPH_MISSING",
                )


def _named(letters: list[str]) -> str:
    return ", ".join(
        f"U+{ord(each):04X} {unicodedata.name(each, 'without a name').lower()}" for each in letters[:8]
    )
