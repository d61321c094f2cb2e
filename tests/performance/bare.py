"""WeasyPrint in a loop and nothing else: the newest template's page, again for each line that is read."""

import json
import sys

from weasyprint import HTML

from report_service.rendering import bundles
from report_service.rendering.assets import ORIGIN
from report_service.rendering.template import Template
from tests.report_service.rendering_inputs import canonical, identity_of, sample, the_bundle


def main() -> None:
    """Fill the page once; then render it as often as each line says, and answer with a line."""
    bundle, inputs = the_bundle(), canonical(sample())
    template = Template(bundles.read(bundle.path))
    page = template.html(json.loads(inputs), identity_of(bundle, inputs))

    def render() -> None:
        HTML(string=page, base_url=ORIGIN, url_fetcher=template.assets).write_pdf(
            pdf_version="1.7", pdf_tags=True
        )

    render()
    print("ready", flush=True)
    for line in sys.stdin:
        for _ in range(int(line)):
            render()
        print("done", flush=True)


if __name__ == "__main__":
    main()
