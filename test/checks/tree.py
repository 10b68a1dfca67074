# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the checkers share: the files of a tree, C without its comments, and how to report.

A checker is a generator: check(root) yields (path, line, message) for each thing that is wrong. It
is run as `check-NAME [ROOT]` and ends with 0 (clean), 1 (something is wrong) or 77 (cannot be run
here: raise Skip).
"""
import argparse
import os
import re
import subprocess
import sys


class Skip(Exception):
    """The checker cannot work here; the text says why."""


def files(root):
    """Paths of all files, from @root: what git knows or would add, else whatever is there."""
    if os.path.exists(os.path.join(root, ".git")):
        git = subprocess.run(
            ["git", "-c", "safe.directory=*", "-C", root, "ls-files", "-zco", "--exclude-standard"],
            capture_output=True, check=False)
        if git.returncode == 0:
            names = {os.fsdecode(name) for name in git.stdout.split(b"\0") if name}
            return sorted(n for n in names if os.path.isfile(os.path.join(root, n)))
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if f != ".git" and not f.startswith("build")]
        found += [os.path.relpath(os.path.join(folder, name), root) for name in names]
    return sorted(found)


def read(root, path):
    """The text of a file, or None if it is not text."""
    with open(os.path.join(root, path), "rb") as f:
        data = f.read()
    if b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def c_files(root):
    return [path for path in files(root) if path.endswith((".c", ".h"))]


def first_line(text):
    return text.partition("\n")[0]


def is_shell(path, text):
    return path.endswith(".sh") or re.match(r"#!.*\b(ba|da)?sh\b", first_line(text)) is not None


def is_python(path, text):
    return path.endswith(".py") or re.match(r"#!.*\bpython", first_line(text)) is not None


C_NOISE = re.compile(
    r"""//[^\n]* | /\*.*?\*/ | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""", re.S | re.X)
PREPROCESSOR = re.compile(r"^[ \t]*\#(?:[^\n\\]|\\.|\\\n)*", re.M | re.S)


def blank(match):
    return re.sub(r"[^\n]", " ", match.group())


def bare_c(text):
    """C with comments, literals and preprocessor lines blanked out, line for line."""
    return PREPROCESSOR.sub(blank, C_NOISE.sub(blank, text))


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def report(check, description):
    """The main program of a checker."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("root", nargs="?", default=".", help="top of the tree")
    args = parser.parse_args()
    wrong = 0
    try:
        for path, line, message in check(args.root):
            print(f"{path}:{line}: {message}")
            wrong += 1
    except Skip as skip:
        print(f"skip: {skip}")
        sys.exit(77)
    sys.exit(1 if wrong else 0)
