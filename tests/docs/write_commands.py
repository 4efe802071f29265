"""``docs/commands.md``, made from the commands' own help: `document`. ``python -m tests.docs.write_commands`` writes it."""

from __future__ import annotations

from tests.docs.helped import every_command, help_of
from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "commands.md"

_HEAD = """# Commands

What `--help` says, for every command. Made by `make docs`: change the command, not this page. Exit codes are in
[the README](../README.md#exit-codes), what the questions mean in [operating.md](operating.md).
"""


def document() -> str:
    """The whole page."""
    commands = every_command()
    index = "\n".join(f"- [`{name}`](#{name.replace(' ', '-')})" for name in commands)
    sections = [f"## {name}\n\n```text\n{help_of(name, command)}```\n" for name, command in commands.items()]
    return "\n".join([_HEAD, index, "", *sections])


if __name__ == "__main__":
    PAGE.write_text(document(), encoding="utf-8")
