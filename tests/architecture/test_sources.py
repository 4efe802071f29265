"""House rules that hold for every file: size, docstrings, no shell, no prints, nothing that names a machine or a registry."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.architecture.imports import PACKAGES, ROOT, imported_by, sources

MODULES = sources()
LONGEST = 400
# The last one is a program of its own: what it prints is a step's output.
MAY_PRINT = ("orchestrator.cli", "orchestrator.rendering", "orchestrator.targets.fake_child")
# A program of its own, which holds no lock.
MAY_FORK = ("orchestrator.adapters.launcher",)
_SKIPPED = {"__pycache__", "dist", "build", "node_modules"}


def python_files() -> Iterator[Path]:
    return (path for path in files() if path.suffix == ".py")


def files() -> Iterator[Path]:
    """Every file that belongs to the project; caches, environments and what is built are left out."""
    ahead = [ROOT]
    while ahead:
        for path in sorted(ahead.pop().iterdir()):
            hidden = path.name.startswith(".") and path.name not in {".ci", ".gitignore", ".github"}
            if hidden or path.name in _SKIPPED or path.name.endswith(".egg-info"):
                continue
            if path.is_dir() and not path.is_symlink():
                ahead.append(path)
            elif path.is_file():
                yield path


def test_a_module_has_one_subject_and_says_which() -> None:
    texts = {module: path.read_text(encoding="utf-8") for module, path in MODULES.items()}
    trees = {module: ast.parse(text) for module, text in texts.items()}

    assert [module for module, text in texts.items() if len(text.splitlines()) > LONGEST] == [], "split it by subject"
    silent = [module for module, tree in trees.items() if tree.body and not ast.get_docstring(tree)]
    assert silent == [], "say what it is, what it is not, and where to start"


def test_only_the_edge_prints() -> None:
    quiet = [path for name, path in MODULES.items() if name.startswith(PACKAGES) and not name.startswith(MAY_PRINT)]

    assert [place for path in quiet for place in _calls(path, {"print"})] == []


def test_nothing_goes_through_a_shell() -> None:
    shells = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}

    assert [place for path in python_files() for place in _calls(path, shells)] == []
    found = [(path, line) for path in python_files() for line, name, value in _keywords(path) if name == "shell" and value]
    assert found == []


def test_nothing_forks_where_a_lock_may_be_held() -> None:
    """A fork without exec would keep the lock of a slot after its holder has died."""
    holders = [path for name, path in MODULES.items() if name not in MAY_FORK]
    forking = {"multiprocessing", "concurrent.futures.process"}

    assert [place for path in holders for place in _calls(path, {"os.fork", "os.forkpty", "pty.fork"})] == []
    assert [path for path in holders if forking & imported_by(path, MODULES)] == []


def test_no_file_names_a_registry_or_a_machine() -> None:
    found = [f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}" for path in files() for number, line in _naming(path)]

    assert found == []


def test_what_names_a_registry_or_a_machine_is_found(tmp_path: Path) -> None:
    file = tmp_path / "file"
    lines = [
        f"https://{_dotted('files', 'pythonhosted', 'org')}/x",
        _path("work", "main"),
        "apt-get install docker.io",
        "network/root/x",
    ]
    file.write_text("\n".join(lines), encoding="utf-8")

    assert [number for number, _ in _naming(file)] == [1, 2]


def test_a_shell_and_a_print_are_found(tmp_path: Path) -> None:
    file = tmp_path / "file.py"
    file.write_text("import os, subprocess\nprint('x')\nsubprocess.run('x', shell=True)\nos.system('x')\n", encoding="utf-8")

    assert _calls(file, {"print", "os.system"}) == [f"{file}:2", f"{file}:4"]
    assert _keywords(file) == [(3, "shell", True)]


def _calls(path: Path, names: set[str]) -> list[str]:
    return [f"{path}:{line}" for line, name, _ in _read(path) if name in names]


def _keywords(path: Path) -> list[tuple[int, str | None, object]]:
    """Every keyword of every call: line, name, and its value where that is a constant (else True)."""
    return [(line, name, value) for line, _, keywords in _read(path) for name, value in keywords]


@cache
def _read(path: Path) -> list[tuple[int, str, list[tuple[str | None, object]]]]:
    """Every call in the file: line, name of what is called, and the keywords."""
    calls = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
    return [(call.lineno, _called(call.func), [(each.arg, _constant(each.value)) for each in call.keywords]) for call in calls]


def _called(function: ast.expr) -> str:
    """``os.path.join``; "" for what has no such name."""
    if isinstance(function, ast.Attribute):
        return f"{_called(function.value)}.{function.attr}"
    return function.id if isinstance(function, ast.Name) else ""


def _constant(value: ast.expr) -> object:
    return value.value if isinstance(value, ast.Constant) else True


def _naming(path: Path) -> Iterator[tuple[int, str]]:
    text = path.read_bytes().decode("utf-8", "replace")
    return ((number, line) for number, line in enumerate(text.splitlines(), 1) if _FORBIDDEN.search(line))


def _dotted(*parts: str) -> str:
    return ".".join(parts)


def _path(*parts: str) -> str:
    return "/" + "/".join(parts) + "/"


# Put together here, so that this file does not hold what it looks for.
_HOSTS = [
    _dotted("pypi", "org"),
    _dotted("pythonhosted", "org"),
    _dotted("registry", "npmjs", "org"),
    _dotted("registry", "yarnpkg", "com"),
    _dotted("registry-1", "docker", "io"),
    _dotted("index", "docker", "io"),
    _dotted("proxy", "golang", "org"),
    _dotted("crates", "io"),
    _dotted("rubygems", "org"),
]
_PATHS = [_path("work"), _path("root"), str(ROOT)]
_FORBIDDEN = re.compile(
    "|".join([*(rf"\b{re.escape(host)}\b" for host in _HOSTS), *(rf"(?<![\w.}}-]){re.escape(path)}" for path in _PATHS)])
)
