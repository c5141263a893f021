# SPDX-License-Identifier: BSD-3-Clause
"""A source tree as the rules see it: which files there are, and C without comments and strings."""

import pathlib
import re

# Comments and string or character literals, so that words in them are not taken for code.
NOT_CODE = re.compile(
    r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL
)
SKIPPED_DIRECTORIES = re.compile(r"^(build.*|corpus|\.git|\.mypy_cache|__pycache__)$")


class Tree:
    """The files below one directory, build directories left out."""

    def __init__(self, top):
        self.top = pathlib.Path(top)
        self.files = sorted(self._walk(self.top))

    def _walk(self, directory):
        for path in directory.iterdir():
            if SKIPPED_DIRECTORIES.match(path.name):
                continue
            if path.is_dir() and not path.is_symlink():
                yield from self._walk(path)
            elif path.is_file():
                yield str(path.relative_to(self.top))

    def matching(self, *patterns):
        """Paths, relative to the top, that match one of the regular expressions in full."""
        return [f for f in self.files if any(re.fullmatch(p, f) for p in patterns)]

    def text(self, path):
        """The text of a file; empty if there is none or it is not text."""
        try:
            return (self.top / path).read_text(encoding="utf-8")
        except (FileNotFoundError, UnicodeDecodeError):
            return ""

    def code(self, path):
        """C source with comments and literals blanked, line numbers kept."""

        def blank(match):
            newlines = "\n" * match.group().count("\n")
            return '""' + newlines if match.group()[0] == '"' else " " + newlines

        return NOT_CODE.sub(blank, self.text(path))

    def includes(self, path):
        """(line number, what is included, delimiters kept) of each #include."""
        for number, line in enumerate(self.text(path).splitlines(), 1):
            match = re.match(r'\s*#\s*include\s*(<[^>]+>|"[^"]+")', line)
            if match:
                yield number, match.group(1)

    def scripts(self, interpreter):
        """Files whose first line names the interpreter, or, for bash, that end in .sh."""
        for path in self.files:
            first = self.text(path).split("\n", 1)[0]
            if first.startswith("#!") and re.search(rf"[/ ]{interpreter}\b", first):
                yield path
            elif interpreter == "bash" and path.endswith(".sh"):
                yield path
