"""The page about deploy.json: its tables are the schema's, and its examples are files that pop-deploy reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.config import parse
from orchestrator.targets import registry
from tests.docs.pages import PAGES, Block, blocks, name, read
from tests.docs.write_fields import PAGE, definitions, document, tables

EXAMPLES = [(name(page), block) for page in PAGES for block in blocks(read(page), "json") if '"targets"' in block.text]


def test_the_tables_of_fields_are_current() -> None:
    page = read(PAGE)

    assert page == document(page), "run: make docs"


def test_every_field_of_deploy_json_is_documented_once() -> None:
    assert sorted(tables(read(PAGE))) == sorted(definitions())


@pytest.mark.parametrize(("page", "block"), EXAMPLES, ids=[page for page, _ in EXAMPLES])
def test_an_example_of_a_deploy_json_is_one_that_is_read(page: str, block: Block) -> None:
    config = parse(block.text.encode(), page, config_types=registry.config_type, kinds=tuple(registry.KINDS), project_dir=None)

    assert config.targets


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_what_is_called_json_is_json(page: Path) -> None:
    for block in blocks(read(page), "json"):
        json.loads(block.text)
