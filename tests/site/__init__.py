"""A real web site on loopback: DNS, HTTP and HTTPS servers under names of our own.

The pages were written by others: Debian's Python documentation where it is installed, else what the
interpreter's own `pydoc` says about the standard library. Nothing here leaves the machine.

    async with serve_site() as site:
        environment |= site.settings          # ENRICHMENT_* for a lead worker
        ... look up site.domain ...

`python -m tests.site` serves it until interrupted and prints the same settings as export lines.
"""

from tests.site.serving import Site, serve_site

__all__ = ["Site", "serve_site"]
