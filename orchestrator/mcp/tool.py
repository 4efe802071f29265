"""What a tool is: a command, its arguments, and what a client may expect of it. `tools.py` lists them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from orchestrator.domain.errors import UsageProblem

LONGEST_VALUE = 4000

_TYPES: dict[str, type] = {"string": str, "boolean": bool, "integer": int}


@dataclass(frozen=True, kw_only=True)
class Argument:
    """One argument of a tool.

    Attributes:
        option: The command's option that it becomes; "" for a part of `Tool.positional`.
        only: The values it may have; () for any.
    """

    name: str
    description: str
    option: str = ""
    type: Literal["string", "boolean", "integer"] = "string"
    required: bool = False
    only: tuple[str, ...] = ()

    def schema(self) -> dict[str, Any]:
        limits: dict[str, Any] = {"minLength": 1, "maxLength": LONGEST_VALUE} if self.type == "string" else {}
        if self.type == "integer":
            limits = {"minimum": 0}
        return {"type": self.type, "description": self.description, **limits, **({"enum": list(self.only)} if self.only else {})}

    def words(self, value: Any) -> list[str]:
        """As the command line takes it. ``--option=value`` is one word: no value is ever taken for an option."""
        if self.type == "boolean":
            return [self.option] if value else []
        return [f"{self.option}={value}"]


@dataclass(frozen=True, kw_only=True)
class Tool:
    """One tool.

    Attributes:
        command: The words of the command, ``()`` for `pop-deploy` alone.
        positional: What stands behind the options, with the arguments' names in braces; left out if an argument was not given.
        fixed: Options that are always there.
        reads: It changes nothing, not even in the store.
        says_who: Its command records who asked for it; those that only read do not.
        destructive: It may change what is live, or give something up.
        idempotent: Once more with the same arguments has no further effect.
        open_world: It asks or changes the target, or the network.
    """

    name: str
    title: str
    description: str
    command: tuple[str, ...]
    arguments: tuple[Argument, ...] = ()
    positional: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    reads: bool = False
    says_who: bool = True
    destructive: bool = False
    idempotent: bool = False
    open_world: bool = False

    def schema(self) -> dict[str, Any]:
        """Of its arguments, as JSON Schema."""
        return {
            "type": "object",
            "properties": {argument.name: argument.schema() for argument in self.arguments},
            "required": [argument.name for argument in self.arguments if argument.required],
            "additionalProperties": False,
        }

    def words(self, given: Mapping[str, Any], surroundings: tuple[str, ...]) -> list[str]:
        """The command's argument list.

        Args:
            given: What the client sent; null counts as not given.
            surroundings: Options that every command gets: where the project is, and ``--json``.

        Raises:
            UsageProblem: An argument that this tool does not have, that is missing, or of another type.
        """
        values = {name: value for name, value in given.items() if value is not None}
        self._check(values)
        options = [word for one in self.arguments if one.option and one.name in values for word in one.words(values[one.name])]
        behind = [text for form in self.positional if (text := _filled(form, values)) is not None]
        return [*self.command, *surroundings, *self.fixed, *options, *(("--", *behind) if behind else ())]

    def _check(self, values: Mapping[str, Any]) -> None:
        known = {argument.name: argument for argument in self.arguments}
        for name in values.keys() - known.keys():
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it has: {', '.join(known) or 'none'}"
            raise UsageProblem(f"{self.name}: no argument {name[:60]!a}, {hint}")
        for name, argument in known.items():
            if argument.required and name not in values:
                raise UsageProblem(f"{self.name}: the argument {name} is missing: {argument.description}")
        for name, value in values.items():
            _check_value(self.name, known[name], value)


def _check_value(tool: str, argument: Argument, value: Any) -> None:
    wanted = _TYPES[argument.type]
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise UsageProblem(f"{tool}: {argument.name}: expected {_article(argument.type)}, got {str(value)[:60]!a}")
    if isinstance(value, str) and (not value.strip() or len(value) > LONGEST_VALUE or "\0" in value):
        raise UsageProblem(f"{tool}: {argument.name}: expected text of 1 to {LONGEST_VALUE} characters, got {value[:60]!a}")
    try:
        str(value).encode()
    except UnicodeEncodeError:
        raise UsageProblem(f"{tool}: {argument.name}: it has half characters that no program can be given") from None


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _filled(form: str, values: Mapping[str, Any]) -> str | None:
    try:
        return form.format_map(values)
    except KeyError:
        return None
