from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverseg.handover.card import card_markdown, model_card
from liverseg.handover.card.markdown import escape
from tests.liverseg.handover.card.samples import described, facts, opened

HOSTILE = (
    "<script>alert(1)</script>",
    "[click](javascript:alert(1))",
    "![x](http://evil.example/x.png)",
    "https://evil.example www.evil.example me@evil.example",
    "| a | b |\n|---|---|\n# head\n\n- point",
    "**bold** _it_ `code` ~~gone~~ $x$ \\",
    "&lt;b&gt; &#60;",
    "\u202egnp.exe \x1b[31m \x00 \ud800 \u2028",
    "---",
    "1. one",
    "    indented",
)


def tokens(text: str) -> list[Any]:
    markdown = (
        pytest.importorskip("markdown_it").MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    )
    return [part for token in markdown.parse(text) for part in (token, *(token.children or ()))]


def kinds(text: str) -> set[str]:
    return {token.type for token in tokens(text)}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_one_paragraph_without_markup(text: str) -> None:
    assert kinds(escape(text)) <= {"paragraph_open", "paragraph_close", "inline", "text", "text_special"}


@given(st.text(min_size=1, max_size=60))
def test_any_text_is_one_paragraph_without_markup(text: str) -> None:
    found = escape(text)
    assert "\n" not in found
    found.encode()  # lone surrogates would raise
    assert kinds(found) <= {"paragraph_open", "paragraph_close", "inline", "text", "text_special"}


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=60))
def test_a_reader_sees_what_was_written(text: str) -> None:
    seen = "".join(token.content for token in tokens(escape(text)) if token.type in ("text", "text_special"))
    assert seen == " ".join(text.split())


@pytest.mark.parametrize(
    "text", ["0.912 to 0.953", "-21 to 189 HU", "liver_v1", "(4 patients)", "95 % interval", "12 of 12"]
)
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert escape(text) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_names_notes_and_licences_do_not_change_the_shape_of_a_card(text: str) -> None:
    plain = card_markdown(model_card(described(), opened(data={"license": "x"})))
    other = opened(data={"license": text}, sweep=text, test=text, selection=text, architectures=(text, "b"))
    hostile = card_markdown(model_card(described(name=text), other))
    shape = [token.type for token in tokens(plain) if not token.type.startswith("text")]
    assert [token.type for token in tokens(hostile) if not token.type.startswith("text")] == shape
    assert not re.search(r"<(?!/?$)", hostile)


def test_every_table_is_one() -> None:
    text = card_markdown(model_card(described(), facts()))
    rules = re.findall(r"^\|(?: -+:? \|)+$", text, re.MULTILINE)
    found = [token.type for token in tokens(text)]
    assert found.count("table_open") == len(rules) == 10
    assert "html_block" not in found and "link_open" not in found
