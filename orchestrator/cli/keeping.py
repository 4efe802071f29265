"""`pop-deploy store backup|archive|copy`: what was done, as data and as words."""

from __future__ import annotations

from typing import Any

import click

from orchestrator import upkeep
from orchestrator.cli import errors, reading
from orchestrator.cli.meter import metered
from orchestrator.services.archiving import before_time


def rebuild(directory: str, store: str | None, *, as_json: bool) -> None:
    folded = upkeep.rebuild(directory, store)
    _answer(f"All read models were folded anew from {folded} events.\n", {"success": True, "events": folded}, as_json=as_json)


def backup(file: str, directory: str, store: str | None, *, as_json: bool) -> int:
    with metered(as_json=as_json) as progress:
        done = upkeep.backup(directory, store, file, progress)
    problems = [f"event {each.position}: {each.message}" for each in done.problems]
    data = {"success": not problems, "file": done.file, "events": done.head.position, "size_bytes": done.size_bytes}
    words = f"{done.file}: {done.head.position} events, {done.size_bytes:,} bytes, read back and checked.\n"
    if problems:
        words += f"The store's chain is broken, and so is the backup's ({problems[0]}). Next: pop-deploy audit verify\n"
    _answer(words, {**data, "problems": problems}, as_json=as_json)
    return errors.FAILED if problems else errors.DONE


def archive(file: str, before: str, keep: int, directory: str, store: str | None, *, as_json: bool) -> int:
    with metered(as_json=as_json) as progress:
        done, left = upkeep.archive(directory, store, file, before_time(before), keep, progress)
    note = done.note
    data = {
        "success": True,
        "file": note.file,
        "digest": note.digest,
        "before": note.before,
        "streams": len(note.streams),
        "events": note.events,
        "already_done": done.already,
        "resumed": done.resumed,
        "not_compacted": left or None,
    }
    said = "were moved before" if done.already else "are moved"
    words = f"{note.file}: {len(note.streams)} streams, {note.events} events {said}, {note.digest}.\n"
    words += "Keep the file: audit verify proves their content only with it (--archive where it does not lie there any more).\n"
    if left:
        click.echo(f"pop-deploy: {left}", err=True)
    _answer(words, data, as_json=as_json)
    return errors.DONE


def copy(source: str, target: str, *, as_json: bool) -> int:
    with metered(as_json=as_json) as progress:
        done = upkeep.copy(source, target, progress)
    data = {
        "success": True,
        "events": done.head.position,
        "copied_events": done.events,
        "copied_attachments": done.attachments,
        "hash": done.head.hash.hex(),
    }
    behind = f", going on behind event {done.found}" if done.found else ""
    words = f"{done.events} events and {done.attachments} attachments copied{behind}.\n"
    words += f"Both stores end at event {done.head.position}, hash {data['hash']}; both chains are sound.\n"
    _answer(words, data, as_json=as_json)
    return errors.DONE


def _answer(words: str, data: dict[str, Any], *, as_json: bool) -> None:
    reading.answer(as_json=as_json, text=lambda: words, data=lambda: data)
