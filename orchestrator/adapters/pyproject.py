"""pyproject.toml: the project's name, and its version, also where a build tool fills it in from another file.

Nothing is imported or run: Python files are parsed, other files searched. Understood are a static version, Poetry, and the
dynamic versions of setuptools (``attr``, ``file``), Hatch (``path``, ``pattern``), Flit and PDM. What takes its version from git
is left to the caller, who asks git.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from orchestrator.adapters.python_source import module_attribute
from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.paths import PathOutside, checked_input_path

Found = tuple[str, str]
"""A version, and the file that says it, as a path from the project."""

FILE = "pyproject.toml"
_HATCH_PATTERN = r"""(?i)^(?:__version__|VERSION)(?: ?: ?str)? *= *(['"])v?(?P<version>.+?)\1"""
_PDM_PATTERN = r"""^__version__\s*=\s*["'](?P<version>.+?)["']\s*(?:#.*)?$"""
_OR_OPTION = "Correct it, or name a version with --version"


def load(project_dir: Path) -> dict[str, Any] | None:
    """The tables of pyproject.toml; None without such a file.

    Raises:
        UsageProblem: It cannot be read.
    """
    import tomllib

    try:
        return tomllib.loads((project_dir / FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise UsageProblem(f"{FILE}: cannot be read: {error}. Correct it, then try again.") from error


def name(document: dict[str, Any]) -> str | None:
    """What the project is called in *document*, if it says so."""
    for place in (("project",), ("tool", "poetry")):
        found = table(document, *place).get("name")
        if isinstance(found, str) and found:
            return found
    return None


def table(document: dict[str, Any], *keys: str) -> dict[str, Any]:
    """The table below *keys*; an empty one where there is none."""
    found: Any = document
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def version(project_dir: Path) -> Found | None:
    """The version of the project; None without the file, or when the file leaves it to git or says none.

    Raises:
        UsageProblem: The file says where the version stands, and it cannot be found there.
    """
    document = load(project_dir)
    if document is None:
        return None
    project, tool = table(document, "project"), table(document, "tool")
    if isinstance(project.get("version"), str):
        return project["version"], FILE
    if "version" in (project.get("dynamic") or ()):
        return next((found for read in _DYNAMIC if (found := read(project_dir, document))), None)
    poetry, filled_in = tool.get("poetry"), table(tool, "poetry-dynamic-versioning").get("enable")
    if isinstance(poetry, dict) and isinstance(poetry.get("version"), str) and not filled_in:
        return poetry["version"], FILE
    return None


def _setuptools(project_dir: Path, document: dict[str, Any]) -> Found | None:
    says = table(document, "tool", "setuptools", "dynamic", "version")
    directories = table(document, "tool", "setuptools", "package-dir")
    if isinstance(says.get("attr"), str):
        module, _, attribute = says["attr"].rpartition(".")
        return _attribute(project_dir, module or "__init__", attribute, directories)
    if files := says.get("file"):
        names = [files] if isinstance(files, str) else files
        return "\n".join(_text(project_dir, file).strip() for file in names).strip(), ", ".join(names)
    return None


def _hatch(project_dir: Path, document: dict[str, Any]) -> Found | None:
    says = table(document, "tool", "hatch", "version")
    if not isinstance(says.get("path"), str):
        return None
    if says.get("source") == "code":
        where = Path(says["path"])
        found = module_attribute(_inside(project_dir, says["path"]), says.get("expression", "__version__"))
        return _required(found, str(where)), str(where)
    pattern = says.get("pattern")
    return _search(project_dir, says["path"], pattern if isinstance(pattern, str) and pattern else _HATCH_PATTERN)


def _pdm(project_dir: Path, document: dict[str, Any]) -> Found | None:
    says = table(document, "tool", "pdm", "version")
    if says.get("source") != "file" or not isinstance(says.get("path"), str):
        return None
    return _search(project_dir, says["path"], says.get("regex", _PDM_PATTERN))


def _flit(project_dir: Path, document: dict[str, Any]) -> Found | None:
    if not str(table(document, "build-system").get("build-backend", "")).startswith("flit_core"):
        return None
    module = table(document, "tool", "flit", "module").get("name") or (name(document) or "").replace("-", "_")
    return _attribute(project_dir, module, "__version__", {})


_DYNAMIC: tuple[Callable[[Path, dict[str, Any]], Found | None], ...] = (_setuptools, _hatch, _pdm, _flit)


def _attribute(project_dir: Path, module: str, attribute: str, directories: dict[str, Any]) -> Found:
    for path in _module_files(project_dir, module, directories):
        if path.is_file():
            where = path.relative_to(project_dir).as_posix()
            return _required(module_attribute(path, attribute), where), where
    raise UsageProblem(f"{FILE}: the version stands in {module}.{attribute}, but there is no module {module}. {_OR_OPTION}")


def _module_files(project_dir: Path, module: str, directories: dict[str, Any]) -> Iterator[Path]:
    """Where *module* may be, by setuptools' ``package-dir`` and the two usual layouts."""
    parts = module.split(".")
    bases = [project_dir.joinpath(str(directories[parts[0]]), *parts[1:])] if parts[0] in directories else []
    roots = [str(directories[""])] if "" in directories else []
    bases += [project_dir.joinpath(root, *parts) for root in (*roots, ".", "src")]
    for base in bases:
        yield base.with_name(f"{base.name}.py")
        yield base / "__init__.py"


def _search(project_dir: Path, file: str, pattern: str) -> Found:
    try:
        match = re.search(pattern, _text(project_dir, file), flags=re.MULTILINE)
        found = match and (match["version"] if "version" in match.re.groupindex else match[1])
    except (re.error, IndexError) as error:
        raise UsageProblem(f"{FILE}: the pattern of the version does not work: {error}. {_OR_OPTION}") from error
    return _required(found, file), file


def _required(found: str | None, file: str) -> str:
    if not found:
        raise UsageProblem(f"{file}: should say the version (see {FILE}), but none can be read there. {_OR_OPTION}")
    return found


def _text(project_dir: Path, file: str) -> str:
    try:
        return _inside(project_dir, file).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UsageProblem(f"{file}: should say the version (see {FILE}), but cannot be read: {error}. {_OR_OPTION}") from error


def _inside(project_dir: Path, file: str) -> Path:
    try:
        return checked_input_path(project_dir, file)
    except PathOutside as error:
        raise UsageProblem(f"{FILE}: {file!r} {error.reason}. {_OR_OPTION}") from error
