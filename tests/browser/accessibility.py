"""What axe-core says about a page, in both colour schemes."""

from pathlib import Path
from typing import Any

from playwright.async_api import Page

AXE = Path(__file__).parents[2] / "gateway/console/node_modules/axe-core/axe.min.js"

# Everything that WCAG 2.2 asks of level A and AA, and what its makers hold for good practice.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


async def accessibility_violations(page: Page) -> list[dict[str, Any]]:
    """Return what axe finds serious or critical on the page as it stands, in light and in dark."""
    found = []
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        await page.evaluate("Promise.allSettled(document.getAnimations().map(each => each.finished))")
        # Evaluated by the debugger, not by the page, whose security policy would forbid it.
        await page.evaluate(AXE.read_text())
        outcome = await page.evaluate(
            "tags => axe.run(document, {iframes: false, resultTypes: ['violations'], runOnly: tags})", RULES
        )
        found += [
            {
                "scheme": scheme,
                "rule": each["id"],
                "where": [node["html"] + node["failureSummary"] for node in each["nodes"]],
            }
            for each in outcome["violations"]
            if each["impact"] in {"serious", "critical"}
        ]
    return found
