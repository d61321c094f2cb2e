"""Promise: a person in a real browser signs in at the provider, comes back to where they were, and leaves."""

from playwright.async_api import Browser, expect

from gateway.pages import DIST
from tests.fixtures.provider import OpenIdProvider
from tests.gateway.conftest import dist, services
from tests.gateway.oidc.conftest import OpenReplica, key_file, open_replica

__all__ = ["dist", "key_file", "open_replica", "services"]


async def test_signing_in_and_out(
    chromium: Browser,
    open_replica: OpenReplica,
    provider: OpenIdProvider,
) -> None:
    async with open_replica(console=DIST) as url:
        context = await chromium.new_context()
        context.set_default_timeout(60_000)
        page = await context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console", lambda said: complaints.append(said.text) if "Security Policy" in said.text else None
        )
        await page.goto(f"{url}/reports?q=x")
        await expect(page.get_by_role("heading", level=1)).to_have_text("You are signed out")
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url(f"{url}/reports?q=x")
        await expect(page.get_by_text("ada")).to_be_visible()
        await page.get_by_role("button", name="Sign out").click()
        # By way of the provider's own page, where its session ends.
        await page.wait_for_url(f"{url}/")
        await expect(page.get_by_role("heading", level=1)).to_have_text("You are signed out")
        assert "/end" in provider.requests
        assert not provider.sessions
        await context.close()
        assert complaints == []
