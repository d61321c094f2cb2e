"""What may be asked for: a template in a locale that it speaks."""

from typing import NamedTuple

from report_service.domain import DEFAULT_LOCALE, DEFAULT_TEMPLATE
from report_service.rendering import bundles
from services.errors import InvalidArgument


class Choice(NamedTuple):
    """A template's version, and the locale to make it in."""

    bundle: bundles.Bundle
    locale: str


async def choose(templates: bundles.Templates, template: str, version: str, locale: str) -> Choice:
    """Return what empty texts leave to us.

    Raises NotFound, FailedPrecondition for a version that is not published, or InvalidArgument for
    another locale.
    """
    bundle = await templates.choose(template or DEFAULT_TEMPLATE, version)
    locale = locale or DEFAULT_LOCALE
    if bundle.locales.isdisjoint({locale, locale.partition("-")[0].lower()}):
        spoken = ", ".join(sorted(bundle.locales))
        raise InvalidArgument(
            "locale", f"{bundle.template_version_id} speaks {spoken} only", "LOCALE_UNKNOWN"
        )
    return Choice(bundle, locale)
