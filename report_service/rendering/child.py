"""The render process: reads a frame, makes a PDF, writes a frame; one at a time, until its input ends.

Started by ``process`` as ``python -m report_service.rendering.child WORKER_PID MEMORY_BYTES``. It imports
neither grpc nor SQLAlchemy, holds no secret and has no network.
"""

import gc
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO

from report_service.rendering.confinement import allow_cpu, confine, give_back_memory

TEMPLATES = 4
"""Bundles kept loaded, the ones used last."""

PDF_BYTES = 64 * 1024 * 1024
"""The largest PDF that is handed to the worker, which holds one of each process in memory."""


def main() -> None:
    """Confine this process, warm it up, say so, then serve."""
    confine(worker=int(sys.argv[1]), memory_bytes=int(sys.argv[2]))
    # Frames have the first two descriptors to themselves; whatever a library prints goes elsewhere.
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    renderer = Renderer()
    renderer.warm()
    serve(renderer, requests, replies)


class Renderer:
    """Renders with the few bundles used last kept in memory."""

    def __init__(self) -> None:
        """Import the machinery, which takes most of a second; not done when this module is imported."""
        from report_service.rendering import bundles, document, metadata, template

        self._bundles, self._document, self._metadata = bundles, document, metadata
        self._make_template = template.Template
        self._templates: dict[str, template.Template] = {}

    def warm(self) -> None:
        """Make a first document, so that fonts are found and libraries loaded."""
        self._document.warm()
        gc.collect()
        gc.freeze()

    def answer(self, head: dict[str, Any], inputs: bytes) -> tuple[dict[str, Any], bytes]:
        """Answer one request.

        With ``{"pages", "log"}`` and the PDF, or with a picture of the page that the request names, and
        nothing if there is no such page; with ``{"flaws", "log"}`` if the bundle is to be inspected; with
        ``{"compared", "shares", "log"}`` if two PDFs are to be; with ``{"error", "log"}`` if that
        cannot be done.
        """
        log: list[dict[str, Any]] = []
        try:
            if "digest" in head:
                return {"flaws": self._flaws(Path(head["bundle"]), head["digest"]), "log": log}, b""
            if "first" in head:
                return self._comparison(inputs[: head["first"]], inputs[head["first"] :]) | {"log": log}, b""
            identity = self._metadata.identity_from(head["identity"])
            template = self._template(Path(head["bundle"]), identity.template_digest)
            pdf, pages = self._document.make_pdf(template, inputs, identity, log)
            if len(pdf) > PDF_BYTES:
                raise ValueError(f"the PDF is larger than {PDF_BYTES // 1024 // 1024} MiB")
            if "page" in head:
                pdf = self._picture(pdf, head["page"], head["width"])
        except MemoryError:
            return {"error": "the report needs more memory than a render may use", "log": log}, b""
        except Exception as failure:
            # Whatever a template can do wrong ends here, as the reason of its report's failure.
            return {"error": _reason(failure), "log": log}, b""
        return {"pages": pages, "log": log}, pdf

    def _picture(self, pdf: bytes, page: int, width: int) -> bytes:
        from report_service.rendering.picture import picture  # not in the memory of those that only render

        try:
            return picture(pdf, page, width)
        except IndexError:
            return b""

    def _comparison(self, first: bytes, second: bytes) -> dict[str, Any]:
        from report_service.rendering.picture import compared

        count, shares = compared(first, second)
        return {"compared": count, "shares": list(shares.items())}

    def _flaws(self, path: Path, digest: str) -> list[tuple[str, ...]]:
        from report_service.rendering.inspection import inspect

        return [tuple(each) for each in inspect(self._files(path, digest))]

    def _files(self, path: Path, digest: str) -> dict[str, bytes]:
        """Return the files of a bundle; raises ``ValueError`` if they are not those of the digest."""
        files: dict[str, bytes] = self._bundles.read(path)
        if self._bundles.digest_of(files) != digest:
            raise ValueError("the template bundle's files are not those its digest names")
        return files

    def _template(self, path: Path, digest: str) -> Any:
        """Return the bundle with this digest, read once."""
        template = self._templates.pop(digest, None)
        if template is None:
            template = self._make_template(self._files(path, digest))
            while len(self._templates) >= TEMPLATES:
                del self._templates[next(iter(self._templates))]
        self._templates[digest] = template
        return template


def serve(renderer: Renderer, requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer frames until there are no more."""
    from report_service.rendering import frames

    replies.write(frames.pack({"ready": True}))
    replies.flush()
    while (request := frames.read(requests)) is not None:
        head, inputs = request
        allow_cpu(head["cpu_seconds"])
        reply, made = renderer.answer(head, inputs)
        replies.write(frames.pack(reply, made))
        replies.flush()
        del request, inputs, made
        gc.collect()
        give_back_memory()


def _reason(failure: Exception) -> str:
    """Say what went wrong in words fit for the person who asked for the report."""
    from jinja2 import TemplateError

    from report_service.rendering.text import shown

    message = shown(str(failure), 300)
    match failure:
        case TemplateError() | KeyError():
            return f"the template cannot be filled: {message}"
        case ValueError():
            return f"the report cannot be made: {message}"
        case _:
            return f"the report cannot be made: {type(failure).__name__}: {message}"


if __name__ == "__main__":
    main()
