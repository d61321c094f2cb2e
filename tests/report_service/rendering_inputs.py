"""Inputs, identities and small bundles for tests of rendering."""

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import rfc8785

from report_service.rendering import bundles
from report_service.rendering.bundles import Bundle
from report_service.rendering.metadata import PdfIdentity
from report_service.rendering.process import environment_for

LINEAGE = "019c1d3f-0b6e-7e21-8c94-3a5d7f90e1b2"

HOSTILE = (
    "<script>alert(1)</script><img src=file:///etc/passwd> {{7*7}} {% raw %} "
    "</td></table><style>*{display:none} \x00\x1b[31m \u202egnp.exe\u202c שלום مرحبا 你好 ключ 🎉👩‍👩‍👧 Z"
    + "\u0351" * 40
    + " &amp; ]]> \ud800 \uffff"
)


def the_bundle() -> Bundle:
    return bundles.find("website_audit")


def sample(**changes: Any) -> dict[str, Any]:
    """The sample inputs that come with the bundle, with whole parts replaced."""
    return json.loads((the_bundle().path / "sample.json").read_bytes()) | changes


def canonical(inputs: dict[str, Any]) -> bytes:
    return rfc8785.dumps(inputs)


def identity_of(bundle: Bundle, inputs: bytes) -> PdfIdentity:
    return PdfIdentity(
        lineage_id=LINEAGE,
        report_id="019c1d3f-0a11-7c55-b1d0-94f2c6a83e70",
        lead_id="019c1d2e-7a41-7b3c-9d52-6f0e8a4b1c77",
        pipeline_run_id="nightly/2026-11-21 <&>",
        template_version_id=bundle.template_version_id,
        template_digest=bundle.digest,
        inputs_sha256=sha256(inputs).hexdigest(),
    )


def a_bundle(folder: Path, page: str, **files: bytes) -> Bundle:
    """A bundle of one page, and of files whose names have ``__`` for the dot."""
    path = folder / "tried" / "1.0.0"
    (path / "strings").mkdir(parents=True)
    (path / "report.html.j2").write_text(f"<html lang=en><title>T</title>{page}")
    (path / "strings" / "en.json").write_text('{"months": [], "text.cut": "({characters})"}')
    for name, content in files.items():
        (path / name.replace("__", ".")).write_bytes(content)
    return bundles.load(path)


def render_environment(folder: Path, **changes: str) -> dict[str, str]:
    """What a render process would get from its worker, for tests that start one themselves."""
    return environment_for(str(folder)) | {"PATH": os.environ["PATH"]} | changes
