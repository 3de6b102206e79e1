"""What a verb's code believes that its parser sets is what the parser sets."""

from typing import get_type_hints

import pytest

from bench.cli.main import VERBS, _module, _parser


@pytest.mark.parametrize("verb", VERBS)
def test_the_typed_options_of_a_verb_are_those_that_its_parser_sets(verb: str) -> None:
    declared = set(get_type_hints(_module(verb).Options))
    (verbs,) = (each for each in _parser(verb)._actions if each.dest == "verb")
    parsers = [verbs.choices[verb]]  # type: ignore[index]
    set_by_parser = {"verb"}
    while parsers:
        parser = parsers.pop()
        for action in parser._actions:
            if action.dest != "help":
                set_by_parser.add(action.dest)
            if isinstance(action.choices, dict):
                parsers += list(action.choices.values())
    assert declared == set_by_parser
