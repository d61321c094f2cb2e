"""A bundle made ready to be filled: its page as Jinja2 template, its strings, its assets.

Templates run in Jinja2's sandbox with every value escaped, and a name that the inputs lack stops
the render instead of printing nothing.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from string import Formatter
from typing import Any

from jinja2 import DictLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from report_service.rendering.assets import BundleAssets
from report_service.rendering.glyphs import Glyphs
from report_service.rendering.metadata import PdfIdentity
from report_service.rendering.symbol import symbol
from report_service.rendering.text import LONGEST, shown

PAGE = "report.html.j2"
"""The file of a bundle that becomes the document."""

FONTS = (".woff2", ".woff", ".ttf", ".otf")
"""How the files of fonts end."""

FALLBACK = "en"
"""The locale every bundle has."""


class _Names(Formatter):
    """Fills in names and nothing behind them: ``{n.__class__}`` would lead out of the sandbox."""

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, str]:
        return kwargs[field_name], field_name


_FORMATTER = _Names()


class Strings:
    """What a bundle says in one locale: ``strings/<locale>.json``, flat, by dotted key."""

    def __init__(self, locale: str, texts: Mapping[str, Any]) -> None:
        """Hold the texts of one locale, whose BCP 47 tag goes into the document."""
        self.locale = locale
        self._texts = texts

    def __call__(self, key: str, **values: Any) -> str:
        """Return the text with its ``{names}`` filled in; ``n`` chooses ``key.one`` or ``key.other``.

        Raises ``KeyError`` for a key or a name that is missing.
        """
        if "n" in values and key not in self._texts:
            key = f"{key}.one" if values["n"] == 1 else f"{key}.other"
        return _FORMATTER.vformat(str(self._texts[key]), (), values)

    def has(self, key: str) -> bool:
        """Whether there is such a text: what a locale does not say itself, the inputs may."""
        return key in self._texts

    def number(self, value: int) -> str:
        """Return a whole number with its thousands apart, by the text ``number.group``."""
        return f"{value:,}".replace(",", str(self._texts.get("number.group", ",")))

    def date(self, moment: str) -> str:
        """Return the day of an RFC 3339 time, in UTC as all times are kept."""
        when = datetime.fromisoformat(moment).astimezone(UTC)
        return self("date", day=when.day, month=self._texts["months"][when.month - 1], year=when.year)

    def time(self, moment: str) -> str:
        """Return the day and minute of an RFC 3339 time, in UTC."""
        return f"{datetime.fromisoformat(moment).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def plain(value: object) -> str:
    """Return any JSON value as people would write it: text as it is, lists with commas."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(map(plain, value))
    return json.dumps(value, ensure_ascii=False)


def leaves(value: object) -> list[tuple[str, object]]:
    """Return the values inside any JSON value with their paths, such as ``pages[0].title``.

    A list of simple values is one value; what is empty is one too.
    """
    found: list[tuple[str, object]] = []
    rest: list[tuple[str, object]] = [("", value)]
    while rest:  # not by recursion: the depth is the caller's choice
        path, each = rest.pop()
        if isinstance(each, dict) and each:
            inner = [(f"{path}.{key}" if path else str(key), item) for key, item in each.items()]
            rest.extend(reversed(inner))
        elif isinstance(each, list) and any(isinstance(item, dict | list) for item in each):
            rest.extend(reversed([(f"{path}[{index}]", item) for index, item in enumerate(each)]))
        else:
            found.append((path, each))
    return found


def days(start: str, end: str) -> int:
    """Return the whole days between two RFC 3339 times, or -1 if one of them cannot be read."""
    try:
        return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).days
    except (ValueError, TypeError):  # a stranger's words, or one of them without its zone
        return -1


class Template:
    """One bundle in memory. Loading takes a while (fonts are unpacked); filling does not."""

    def __init__(self, files: Mapping[str, bytes], *, machine_fonts: bool = True) -> None:
        """Compile the pages; raises ``jinja2.TemplateError`` if one is malformed.

        Without ``machine_fonts`` the bundle's own are all there are.
        """
        self.assets = BundleAssets({name: files[name] for name in files if not name.endswith(".j2")})
        self._files = files
        fonts = (files[name] for name in files if name.endswith(FONTS))
        self.glyphs = Glyphs(fonts, machine=machine_fonts)
        self._strings: dict[str, Strings] = {}
        self._pages = ImmutableSandboxedEnvironment(
            loader=DictLoader({name: files[name].decode() for name in files if name.endswith(".j2")}),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            # The last step of every {{ … }}: no template can forget to bound what it prints.
            finalize=self._printed,
        )
        self._page = self._pages.get_template(PAGE)

    def html(self, inputs: Mapping[str, Any], identity: PdfIdentity) -> str:
        """Fill the page; raises ``jinja2.TemplateError`` if it asks for what the inputs lack."""
        strings = self.strings(str(inputs["locale"]))
        glyphs = self.glyphs
        glyphs.lacking.clear()

        def text(value: object, limit: int = LONGEST) -> str | Markup:
            # What a macro returns is escaped already, and would be once more.
            whole = value.unescape() if isinstance(value, Markup) else plain(value)
            if len(whole) <= limit:
                return shown(whole, limit)
            note = strings("text.cut", characters=strings.number(len(whole)))
            start = glyphs.settable(shown(whole, limit))
            return Markup('{} <span class="cut">{}</span>').format(start + "…", note)

        return self._page.render(
            **inputs,
            identity=identity,
            t=strings,
            text=text,
            leaves=leaves,
            days=days,
            qr=symbol,
            glyphs=glyphs,
        )

    def _printed(self, value: object) -> object:
        return self.glyphs.settable(shown(value)) if type(value) is str else value

    def strings(self, locale: str) -> Strings:
        """Return the strings of a locale, else of its language, else the fallback's."""
        if locale not in self._strings:
            known = (f"strings/{tag}.json" for tag in (locale, locale.partition("-")[0], FALLBACK))
            name = next(name for name in known if name in self._files)
            tag = name.removeprefix("strings/").removesuffix(".json")
            self._strings[locale] = Strings(tag, json.loads(self._files[name]))
        return self._strings[locale]
