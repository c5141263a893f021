# SPDX-License-Identifier: BSD-3-Clause
"""Rules on every file: licence line, formatting, scripts, pages, generated documents."""

import ast
import re
import subprocess

from rules import rule

SPDX = "SPDX-License-Identifier: BSD-3-Clause"
# What has no way to hold a comment, or is the licence itself.
NO_SPDX = re.compile(
    r"LICENSE|.*\.(json|png|svg|pcap|gz|md)|\.(clang-format|editorconfig|gitignore)|debian/.*"
    r"|.*/fixtures/.*"
)


def run(tree, argv):
    """(exit code, output) of a command in the tree."""
    done = subprocess.run(
        argv, cwd=tree.top, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )
    return done.returncode, done.stdout


def complaints(tree, argv):
    """Lines that a command prints when it fails."""
    code, output = run(tree, argv)
    if code != 0:
        yield from output.splitlines() or [f"{argv[0]} ended with {code}"]


@rule("spdx", "the first lines of every file name the licence")
def spdx(tree):
    for path in tree.files:
        if NO_SPDX.fullmatch(path):
            continue
        head = tree.text(path).splitlines()[:3]
        if not any(SPDX in line for line in head):
            yield f"{path}:1: no line '{SPDX}'"


@rule("text-is-clean", "text ends with a newline and has no trailing space, and lines fit in 100")
def text_is_clean(tree):
    for path in tree.files:
        text = tree.text(path)
        if text and not text.endswith("\n"):
            yield f"{path}: no newline at the end"
        for number, line in enumerate(text.splitlines(), 1):
            if line != line.rstrip() and not path.endswith(".md"):
                yield f"{path}:{number}: trailing space"
            if path.endswith((".c", ".h", ".py")) and len(line.expandtabs(8)) > 100:
                yield f"{path}:{number}: longer than 100 columns"


@rule("c-format", "clang-format would change nothing")
def c_format(tree):
    sources = tree.matching(r".*\.[ch]")
    if sources:
        yield from complaints(tree, ["clang-format", "--dry-run", "--Werror", *sources])


@rule("shell", "shell scripts parse, and shellcheck finds nothing")
def shell(tree):
    scripts = sorted({*tree.scripts("bash"), *tree.scripts("sh")})
    for path in scripts:
        yield from complaints(tree, ["bash", "-n", path])
    if scripts:
        yield from complaints(
            tree, ["shellcheck", "--external-sources", "--source-path=SCRIPTDIR:.",
                   "--severity=warning", "--format=gcc", *scripts])


@rule("python", "Python parses, and scripts run Debian's interpreter")
def python(tree):
    for path in sorted({*tree.scripts("python3?"), *tree.matching(r".*\.py")}):
        text = tree.text(path)
        if text.startswith("#!") and not text.startswith("#!/usr/bin/python3\n"):
            yield f"{path}:1: first line is not #!/usr/bin/python3"
        try:
            ast.parse(text)
        except SyntaxError as error:
            yield f"{path}:{error.lineno}: {error.msg}"


@rule("man", "man pages are well-formed")
def man(tree):
    pages = tree.matching(r"docs/.*\.[1-8]")
    if pages:
        yield from complaints(tree, ["mandoc", "-T", "lint", "-W", "warning", *pages])


@rule("documents", "documents that are generated match their sources")
def documents(tree):
    for generator in ("docs/gen-rpc", "docs/gen-rpc-manual", "docs/gen-counters",
                      "docs/gen-metrics"):
        if generator in tree.files:
            yield from complaints(tree, [f"./{generator}", "--check"])
        else:
            yield f"{generator}: is missing"


@rule("dpdk-range", "meson.build takes the releases of DPDK that docs/dpdk-versions.md lists")
def dpdk_range(tree):
    build = tree.text("meson.build")
    taken = [*re.findall(r"'libdpdk', version: '>=([0-9.]+)'", build),
             *re.findall(r"dpdk_newest = '([0-9.]+)'", build)]
    tried = re.findall(r"^\| (\d\d\.\d\d)[0-9.]* \| (?:with|\d{4}-)",
                       tree.text("docs/dpdk-versions.md"), re.M)
    if not tried or taken != [tried[0], tried[-1]]:
        yield f"meson.build: found DPDK {taken}, expected the first and the last of {tried}"
