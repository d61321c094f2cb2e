"""Render the Kustomize base and the example; hold every object against Kubernetes' own schemas, strictly.

A field that Kubernetes does not know, or knows under another type, is an error. What no schema can
tell (that names, ports, labels and settings of different objects fit each other and the code) is in
``tests/deploy/test_manifests.py`` and ``test_overlays.py``; so is all of cert-manager's objects, whose
schemas Kubernetes does not have.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

BASE = Path(__file__).parent / "base"
# The base with every component.
EXAMPLE = Path(__file__).parent / "overlays/example"
FOREIGN = ("cert-manager.io/",)
# The oldest and the newest release that the base is kept valid for.
VERSIONS = ("1.32", "1.37")


def main() -> int:
    """Print each fault, or how many objects are valid; return the exit status."""
    objects = [each for folder in (BASE, EXAMPLE) for each in render(folder)]
    own = [each for each in objects if not each["apiVersion"].startswith(FOREIGN)]
    found = [fault for version in VERSIONS for each in own for fault in faults(each, version)]
    for fault in found:
        print(fault, file=sys.stderr)
    if not found:
        print(
            f"{len(own)} objects of the base and the example are valid for Kubernetes"
            f" {' and '.join(VERSIONS)}; {len(objects) - len(own)} of cert-manager render."
        )
    return 1 if found else 0


def render(folder: Path) -> list[dict[str, Any]]:
    """Return the objects that a kustomization stands for; ends the program if it has none."""
    built = subprocess.run(
        [_kubectl(), "kustomize", str(folder)], capture_output=True, text=True, check=False
    )
    if built.returncode:
        raise SystemExit(f"{folder} does not render: {built.stderr.strip()}")
    return [each for each in yaml.safe_load_all(built.stdout) if each]


def faults(item: dict[str, Any], version: str) -> list[str]:
    """Return what is wrong with an object in a release of Kubernetes."""
    name = f"{item['kind']}/{item['metadata']['name']}"
    try:
        kubernetes_validate.validate(item, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        where = ".".join(str(part) for part in error.path)
        return [f"{name} in Kubernetes {version}: {where}: {error.message}"]
    except kubernetes_validate.SchemaNotFoundError:
        return [f"{name}: Kubernetes {version} has no {item['apiVersion']} {item['kind']}"]
    return []


def _kubectl() -> str:
    # The wheel of the lock puts it beside this interpreter; another one on the PATH renders the same.
    beside = Path(sys.executable).with_name("kubectl")
    found = str(beside) if beside.exists() else shutil.which("kubectl")
    if found is None:
        raise SystemExit("kubectl is missing: run `make install`.")
    return found


if __name__ == "__main__":
    sys.exit(main())
