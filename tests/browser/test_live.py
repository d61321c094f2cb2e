"""Promise: the console shows what happens as it happens, and goes on without the stream that tells it."""

import json

import pytest
from playwright.async_api import Page, expect

from tests.fixtures.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

expect.set_options(timeout=60_000)


async def call(page: Page, method: str, path: str, body: object = None) -> dict[str, object]:
    """Do what somebody else might, with the page's own session."""
    origin = "/".join(page.url.split("/")[:3])
    reply = await page.request.fetch(
        f"{origin}{path}",
        method=method,
        data=json.dumps(body) if body is not None else None,
        headers={"content-type": "application/json", "origin": origin},
    )
    assert reply.ok, await reply.text()
    return dict(await reply.json())


async def test_what_others_do_is_shown_without_asking(console: Page, stack: Stack) -> None:
    await expect(console.get_by_text("Live", exact=True)).to_be_visible()
    asked: list[str] = []
    console.on("request", lambda request: asked.append(request.url))
    email = f"live@{stack.domain}"
    made = await call(console, "POST", "/api/leads/quick-add", {"email": email})
    row = console.get_by_role("row").filter(has_text=email)
    await expect(row).to_contain_text("Enriched")
    await call(console, "PATCH", f"/api/leads/{made['id']}", {"name": "Told at once"})
    await expect(row).to_contain_text("Told at once")
    await call(console, "DELETE", f"/api/leads/{made['id']}")
    await expect(row).to_have_count(0)
    # Requests of the test's own are not the page's.
    assert [url for url in asked if "/api/leads" in url and ":watch" not in url] == []
    undeleted = await call(console, "POST", f"/api/leads/{made['id']}:undelete", {})
    assert undeleted["email"] == email
    await row.get_by_role("link").click()
    await expect(console.get_by_role("heading", level=1)).to_have_text(email)
    await call(console, "PATCH", f"/api/leads/{made['id']}", {"name": "Seen in detail"})
    await expect(console.get_by_role("region", name="Identity")).to_contain_text("Seen in detail")


async def test_without_the_stream_the_page_asks(console: Page, stack: Stack) -> None:
    await console.route("**/api/leads:watch*", lambda route: route.abort())
    await console.reload()
    await expect(console.get_by_text("Reconnecting")).to_be_visible()
    email = f"polled@{stack.domain}"
    await call(console, "POST", "/api/leads/quick-add", {"email": email})
    await expect(console.get_by_role("row").filter(has_text=email)).to_contain_text("Enriched")
    await console.unroute("**/api/leads:watch*")
    await expect(console.get_by_text("Live", exact=True)).to_be_visible()
