"""Check `build`: the project can be built, by its own command.

Detected are a build script in package.json, a Python package, Go and Rust modules, and else ``make build``; ``validation.build``
of deploy.json replaces all of that. What can build into another directory does (Python, Go, Rust). A script of package.json and
a Makefile write where they always write, and some Python build tools leave metadata (``*.egg-info``) behind. Not here: the image
of a docker target, which its deployment builds.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from orchestrator.domain.readiness import Outcome
from orchestrator.validation.base import Found, Subject
from orchestrator.validation.commands import Own, has_module, run_all
from orchestrator.validation.reading import table
from orchestrator.validation.toolchains import interpreter, makes, manager, package_json, pyproject, script

_NONE = "nothing to build was found; a build command can be set as validation.build in deploy.json"


def look(subject: Subject) -> Found:
    """Build, away from the tree where the tool can. Raises `reading.Unreadable`."""
    if argv := subject.config.validation.build:
        return run_all(subject, [Own(argv, "validation.build")], none=_NONE)
    with tempfile.TemporaryDirectory(prefix="pop-deploy-build-") as elsewhere:
        commands = list(_detected(subject, Path(elsewhere)))
        if not commands and makes(subject.project_dir, "build"):
            commands = [Own(("make", "build"), "target build of the Makefile")]
        return run_all(subject, commands, none=_NONE)


def _detected(subject: Subject, elsewhere: Path) -> Iterator[Own | Found]:
    project = subject.project_dir
    package = package_json(project)
    if package is not None and script(package, "build"):
        uninstalled = (
            bool(package.get("dependencies") or package.get("devDependencies")) and not (project / "node_modules").is_dir()
        )
        hint = "node_modules is missing: install the dependencies first" if uninstalled else ""
        yield Own((manager(project, package), "run", "build"), "scripts.build of package.json", hint)
    if "build-system" in pyproject(project) or (project / "setup.py").is_file():
        yield _python(subject, str(elsewhere / "python"))
    if (project / "go.mod").is_file():
        (elsewhere / "go").mkdir()  # go build takes a directory for one only when it exists
        yield Own(("go", "build", "-o", str(elsewhere / "go"), "./..."), "go.mod")
    if (project / "Cargo.toml").is_file():
        yield Own(("cargo", "build", "--target-dir", str(elsewhere / "cargo")), "Cargo.toml")


def _python(subject: Subject, out: str) -> Own | Found:
    backend = str(table(pyproject(subject.project_dir), "build-system").get("build-backend", ""))
    if (subject.project_dir / "uv.lock").exists() and shutil.which("uv"):
        return Own(("uv", "build", "--out-dir", out), "pyproject.toml")
    if backend.startswith("poetry") and shutil.which("poetry"):
        return Own(("poetry", "build", "--output", out), "pyproject.toml")
    if backend.startswith("hatchling") and shutil.which("hatch"):
        return Own(("hatch", "build", out), "pyproject.toml")
    python = interpreter(subject.project_dir)
    if has_module(subject, python, "build"):
        return Own((python, "-m", "build", "--outdir", out), "pyproject.toml")
    missing = "the Python package was not built: install the package build, or set validation.build in deploy.json"
    return Found(Outcome.SKIP, missing)
