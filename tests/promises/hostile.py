"""Twenty strings that mean mischief to one reader or another, and ledgers that say them wherever a user has a say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.results.ledger_factory import FakeLedger, finished_payload, suggested_payload, sweep_payload, uid_of

# Of the marks below only these may reach a terminal, from the look of the tables themselves.
STEERING = "\x1b]0;owned\x07\x1b[2J\x1b[5;35mblink"
HOSTILE = (
    "<script>alert(1)</script>",
    "</style></table></main><img src=x onerror=alert(2)>",
    "\"><svg onload=alert(3)> ' onmouseover='alert(4)",
    "javascript:alert(5)",
    "]]> --> <!-- <![CDATA[",
    "{{ 7*7 }}{% raw %}{{ document }}",
    "$\\frac{1}{0}$ $x$ ${7*7}",
    '=HYPERLINK("http://evil","x")',
    "+1+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1\r\n=2+2",
    "a | b || c\\| d",
    "[x](javascript:alert(6)) ![y](http://evil/z.png) <http://evil>",
    "`code` ```\n# heading\n\n| a |\n|---|\n**bold** <b>html</b> ~~gone~~",
    STEERING,
    "[/x] [bold red]rich[/] [link=http://evil]y",
    "\u202egnp.exe\u2066 \x9b31m \x00 \u2028 \ufeff",
    "\U0001f9ea \x7f\x08\x08 中文 é",
)
HARMLESS = tuple(f"word{number:02d}" for number in range(len(HOSTILE)))


def ledger_of(words: Sequence[str]) -> FakeLedger:
    """A finished sweep of 20 trials that says each word in every place in which a user or a plug-in chooses the text."""
    rng, ledger, total = np.random.default_rng(1), FakeLedger(), len(words)
    ledger.add("sweep", **_sweep(words))
    for number, word in enumerate(words):
        other, third = words[(number + 1) % total], words[(number + 7) % total]
        parameters = {words[0]: other, words[1]: third, "window": word, "learning_rate": 0.001 * (number + 1)}
        suggested = suggested_payload(number, word, rng, parameters=parameters, stage=words[number % 2 + 3])
        ledger.add("suggested", **suggested)
        if number % 4 == 3:
            ledger.add("failed", uid=uid_of(number), kind=other, message=f"{word} {third}", epochs=0, seconds=1.0)
            continue
        payload = finished_payload(uid_of(number), "unet", rng, cases=3, epochs=4)
        payload["cases"] = [[f"{word}{row[0]}", f"{other}{row[1]}", *row[2:]] for row in payload["cases"]]
        payload["metrics"] |= {words[2]: 0.5 + number / 100, third: 0.25}
        payload["stop_reason"] = third
        ledger.add("finished", **payload)
    ledger.add("closed", reason="finished")
    return ledger


def _sweep(words: Sequence[str]) -> dict[str, object]:
    keyed = dict(zip(words, reversed(words), strict=True))
    split = {"fingerprint": words[16], "train": list(words), "validation": list(words), "test": list(words)}
    return sweep_payload(
        len(words),
        3,
        name=" ".join(words[:3]),
        objective=[{"metric": words[2], "direction": "maximize"}],
        architectures=list(words),
        stages=[words[3], words[4]],
        space=keyed,
        hashes=keyed,
        versions=keyed,
        split=split,
        data={"cases": 3, "slices": 10, "tumour_free": 0, "skipped": list(words)},
    )
