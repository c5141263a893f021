# SPDX-License-Identifier: BSD-3-Clause
"""Rules on modules: x.c and x.h are one; none needs itself by way of others, each header is its own
file's, and what comments and documents name is there."""

import collections
import re

from rules import line_of, rule

SOURCE = r".*\.[ch]"
# File names in running text: `x.c`, x/y.h, x.[ch]. Those of DPDK and of the C library are not ours.
MENTION = re.compile(
    r"(?<![\w/.<*{}-])((?:[\w-]+/)*[\w-]+)\.(c|h|py|sh|md|\[ch\])(?![\w(/*-]|\.\w)")
FOREIGN = re.compile(
    r"rte_\w+|(sys|netinet|linux|net|arpa|bpf|event2|openssl)/\w+|sqlite3|dpdk-.*")


def stem(path):
    """The module of a source file."""
    return path.rsplit(".", 1)[0]


def sources(tree, *patterns):
    """Source files but those of tests."""
    return [path for path in tree.matching(*(patterns or [SOURCE]))
            if path.startswith(("ctrl/", "dataplane/", "perf/"))]


def includes_of_ours(tree, path, known):
    """(line, file of the tree) of each #include that names one."""
    here = path.rsplit("/", 1)[0]
    for line, name in tree.includes(path):
        for folder in (here, "ctrl", "perf", "dataplane", "dataplane/include"):
            if f"{folder}/{name[1:-1]}" in known:
                yield line, f"{folder}/{name[1:-1]}"
                break


def cycles_of(arrows):
    """The strongly connected components of more than one module (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(module):
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in sorted(arrows[module]):
            if other not in index:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], index[other])
        if low[module] == index[module]:
            part = stack[stack.index(module):]
            del stack[stack.index(module):]
            if len(part) > 1:
                found.append(sorted(part))

    for module in sorted(arrows):
        if module not in index:
            visit(module)
    return found


@rule("no-module-cycle", "no module (x.c and x.h) includes itself by way of others")
def no_module_cycle(tree):
    known = set(tree.files)
    arrows = collections.defaultdict(set)
    for path in sources(tree):
        for _, other in includes_of_ours(tree, path, known):
            if stem(other) != stem(path):
                arrows[stem(path)].add(stem(other))
                arrows[stem(other)] |= set()
    for cycle in cycles_of(arrows):
        yield f"{cycle[0]}: is in a cycle of modules: {' '.join(cycle)}"


def functions_defined(tree, path):
    """Names of functions that a C file defines for others; the return type is on a line before."""
    code = tree.code(path)
    for match in re.finditer(r"^([^\n#]*)\n(\w+)\([^;{}]*\)\n\{", code, re.MULTILINE):
        if "static" not in match.group(1):
            yield match.group(2)


@rule("header-is-its-files", "what x.h declares is implemented in x.c")
def header_is_its_files(tree):
    defined = {name: path for path in sources(tree, r".*\.c")
               for name in functions_defined(tree, path)}
    for path in sources(tree, r".*\.h"):
        if "/include/dp/" in path:
            continue  # the public API, which all of dataplane/ implements
        code = tree.code(path)
        for match in re.finditer(r"^[\w \t*]+?\b(\w+)\([^;{}]*\)[^;{}]*;", code, re.MULTILINE):
            name = match.group(1)
            declared = not match.group().startswith(("\t", " ", "static", "return"))
            if declared and defined.get(name, f"{stem(path)}.c") != f"{stem(path)}.c":
                yield (f"{path}:{line_of(code, match.start(1))}: {name}() is implemented in"
                       f" {defined[name]}")


@rule("names-are-unique", "no two files of ctrl/ have the same name")
def names_are_unique(tree):
    first = {}
    for path in sources(tree, r"ctrl/.*\.[ch]"):
        name = path.rsplit("/", 1)[1]
        if name in first:
            yield f"{path}: {first[name]} has that name, too"
        first.setdefault(name, path)


def comments_of(text):
    """The text of a C file with all but its comments blanked."""
    kept = list(re.sub(r"[^\n]", " ", text))
    for match in re.finditer(r"/\*.*?\*/|//[^\n]*", text, re.DOTALL):
        kept[match.start():match.end()] = match.group()
    return "".join(kept)


@rule("files-exist", "source files that comments and documents name are there")
def files_exist(tree):
    endings = set()
    for path in tree.files:
        parts = path.split("/")
        endings |= {"/".join(parts[i:]) for i in range(len(parts))}
    documents = [path for path in tree.matching(r".*\.md")
                 if not path.startswith(("docs/adr/", "perf/results/"))]  # what was once
    for path in [*tree.matching(SOURCE), *documents]:
        text = tree.text(path)
        for match in MENTION.finditer(text if path.endswith(".md") else comments_of(text)):
            name, suffix = match.groups()
            if len(name) == 1:
                continue  # x.c stands for any
            wanted = [f"{name}.{s}" for s in (("c", "h") if suffix == "[ch]" else (suffix,))]
            if not FOREIGN.fullmatch(name) and not all(w in endings for w in wanted):
                yield f"{path}:{line_of(text, match.start())}: there is no {match.group()}"
