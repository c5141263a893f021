# SPDX-License-Identifier: BSD-3-Clause
"""The register of rules: a rule is a function that yields what breaks it, as `file:line: why`."""

RULES = {}


def rule(name, text):
    """Register a function of one Tree under a name, with the sentence that it checks."""

    def register(function):
        assert name not in RULES
        RULES[name] = (function, text)
        return function

    return register


def line_of(text, offset):
    """Line number of a character."""
    return text.count("\n", 0, offset) + 1
