"""What can be wrong with a deploy.json, or with a name that it should hold.

    UsageProblem
    ├── ConfigError             the file is not what it should be; every problem found is in it
    │   └── ConfigMissing       there is no file
    ├── UnknownTarget           no target of that name in the file
    └── UnknownEnvironment      no environment of that name in the file

A message reads ``deploy.json: targets.docker.config.tags: expected a list of strings, got "latest"``, one line for each problem.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from orchestrator.config.words import did_you_mean, listed, quoted
from orchestrator.domain.errors import UsageProblem

SHOWN_PROBLEMS = 20
"""More lines than this tell a person nothing: the first few mistakes explain the rest."""
MAX_PROBLEMS = 1000
"""So many and the file is something else altogether; looking on would take seconds (`note`)."""


class Problem(NamedTuple):
    """One mistake.

    Attributes:
        path: Of the field, for example ``targets.docker.config.tags``; "" for the file as a whole.
        expected: What should stand there.
        found: What stands there; never a value that may be secret.
        sentence: Said instead of "expected ..., got ..." where that would not read well.
    """

    path: str
    expected: str
    found: str
    sentence: str = ""

    def __str__(self) -> str:
        sentence = self.sentence or f"expected {self.expected}, got {self.found}"
        return f"{self.path}: {sentence}" if self.path else sentence


class ConfigError(UsageProblem):
    """The file is not what it should be. *problems* has all that was found; the other fields are those of the first."""

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        lines = [f"{file}: {problem}" for problem in problems[:SHOWN_PROBLEMS]]
        if len(problems) > SHOWN_PROBLEMS:
            at_least = "at least " if len(problems) >= MAX_PROBLEMS else ""
            lines.append(f"{file}: and {at_least}{len(problems) - SHOWN_PROBLEMS} more problems")
        super().__init__("\n".join(lines))
        self.file, self.problems = file, tuple(problems)
        self.path, self.expected, self.found = problems[0].path, problems[0].expected, problems[0].found


class Enough(Exception):
    """`MAX_PROBLEMS` have been found. No error of the product: it ends the reading and never leaves this package."""


def note(problems: list[Problem], problem: Problem) -> None:
    """Add *problem* to *problems*; raises `Enough` when that makes too many."""
    problems.append(problem)
    if len(problems) >= MAX_PROBLEMS:
        raise Enough


class ConfigMissing(ConfigError):
    """There is no file; *file* is where it was looked for."""

    def __init__(self, file: str) -> None:
        super().__init__(file, [Problem("", "a file", "nothing", "not found. To write one: pop-deploy init")])


class UnknownName(UsageProblem):
    """*name* was asked for by a person or a program, and the file does not have it."""

    noun = "name"

    def __init__(self, file: str, name: str, known: Iterable[str]) -> None:
        self.file, self.name, self.known = file, name, tuple(known)
        known_names = f"It has: {listed(self.known)}." if self.known else f"It has no {self.noun}s."
        super().__init__(f"{file}: no {self.noun} {quoted(name)}{did_you_mean(name, self.known, otherwise='.')} {known_names}")


class UnknownTarget(UnknownName):
    noun = "target"


class UnknownEnvironment(UnknownName):
    noun = "environment"
