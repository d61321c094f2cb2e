"""One domain's way to its PDF and the PDF's lineage, as a client of the gateway sees it.

`python -m deploy.local.demo DOMAIN` beside a stack that runs.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from deploy.local import keys
from deploy.local.home import Home, Problem
from deploy.local.terminal import Terminal

Json = dict[str, Any]

PATIENCE_SECONDS = 120.0


class Conflict(Problem):
    """Something else stands there already."""

    def __init__(self, words: str, name: str) -> None:
        """Take the service's own words, and what identifies the thing that stands there."""
        super().__init__(words)
        self.name = name


class Client:
    """The REST interface, and patience with a service that is being restarted."""

    def __init__(self, url: str, token: str, console: Terminal) -> None:
        """Talk to the gateway at the URL as the person whom the token speaks for."""
        # The gateway is on this machine: whatever proxy the environment names is not asked.
        self._http = httpx.Client(
            base_url=url, headers={"authorization": f"Bearer {token}"}, timeout=30, trust_env=False
        )
        self._console = console

    def get(self, path: str) -> httpx.Response:
        """Return the answer to a GET; raises Problem with the service's own words."""
        return _checked(self._http.get(path))

    def post(self, path: str, body: Json) -> Json:
        """Return the answer to a POST; raises Problem with the service's own words."""
        answer: Json = _checked(self._http.post(path, json=body)).json()
        return answer

    def wait(self, path: str, what: str, done: Callable[[Json], bool]) -> Json:
        """Return the resource once it is done; raises Problem when patience ends."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        with self._console.status(what):
            while time.monotonic() < deadline:
                try:
                    answer = self._http.get(path)
                except httpx.TransportError:
                    answer = httpx.Response(503)
                if answer.is_success and done(answer.json()):
                    found: Json = answer.json()
                    return found
                if answer.is_client_error and answer.status_code not in (404, 429):
                    _checked(answer)
                time.sleep(0.15)
        raise Problem(f"{what}: not done after {PATIENCE_SECONDS:.0f} s; see {Home.from_environment().logs}")


def main(domain: str) -> int:
    """Show the whole way; returns the exit status."""
    console, home = Terminal(), Home.from_environment()
    url = home.read_endpoints()["gateway"]["url"]
    client = Client(url, keys.person_token(home, keys.local_user(), "operator"), console)
    try:
        _show(console, client, home, url, domain)
    except (Problem, httpx.HTTPError) as problem:
        console.print(f"  The demonstration ended early: {problem}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _show(console: Terminal, client: Client, home: Home, url: str, domain: str) -> None:
    def say(what: str, text: str) -> None:
        console.print(f"  {what:<9}{text}", markup=False)

    lead, is_new = _lead(client, domain)
    say("Lead", f"{lead['email']}, {'to be looked up' if is_new else 'known from before'}")
    lead = client.wait(
        f"/api/leads/{lead['id']}",
        f"Looking up {lead['domain']}",
        lambda lead: lead["enrichment_status"] in ("COMPLETED", "FAILED"),
    )
    if lead["enrichment_status"] == "FAILED":
        raise Problem(f"the look-up broke: {lead['enrichment_error']}")
    states = Counter(fact["state"] for fact in lead["facts"])
    say("Facts", ", ".join(f"{count} {state}" for state, count in states.most_common()))

    report = client.post("/api/reports", {"lead_id": lead["id"]})
    report = client.wait(
        f"/api/reports/{report['id']}",
        "Making the report",
        lambda report: report["status"] in ("COMPLETED", "FAILED"),
    )
    if report["status"] == "FAILED":
        raise Problem(f"the report failed: {report['error']}")
    pdf = home.demo / f"{Path(lead['domain']).name}-{report['id']}.pdf"
    pdf.write_bytes(client.get(report["pdf_url"]).content)
    pages = f"{report['page_count']} pages, {report['pdf_size_bytes'] / 1024:.0f} KiB"
    say("Report", f"{pages}, made by {report['template_version_id']}")

    if report["lineage_status"] == "DISABLED":
        say("Lineage", "not kept: ENABLE_REPORT_LINEAGE is off")
    else:
        lineage = client.wait(f"/api/lineage/{report['id']}", "Waiting for the lineage", lambda _: True)
        size, digest = lineage["raw_inputs_size_bytes"], lineage["inputs_sha256"]
        say("Lineage", f"{size} bytes of raw inputs kept, SHA-256 {digest[:16]}…")
    say("", "")
    say("PDF", str(pdf))
    say("Lineage", f"{url}/reports/{report['id']}")
    say("", f"{url}/api/lineage/{report['id']}  (API)")


def _lead(client: Client, domain: str) -> tuple[Json, bool]:
    """Return the demonstration's lead of this domain, and whether it is new."""
    try:
        return client.post("/api/leads/quick-add", {"email": f"hello@{domain}", "domain": domain}), True
    except Conflict as conflict:
        return client.get(f"/api/leads/{conflict.name}").json(), False


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.is_error:
        try:
            error = answer.json()["error"]
            words = error["message"]
            if error["status"] == "ALREADY_EXISTS":
                raise Conflict(words, error["details"][0]["metadata"]["name"])
        except (ValueError, LookupError, TypeError):
            words = answer.text[:200]
        raise Problem(f"{answer.request.method} {answer.request.url.path} gave {answer.status_code}: {words}")
    return answer


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
