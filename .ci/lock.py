"""Prints the versions of everything that an installation of the package brings, as they are installed here.

python .ci/lock.py > requirements.lock
"""

import configparser
import sys
from importlib.metadata import requires, version

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HEAD = """\
# What the tests ran with on Python 3.11, for `pip install -c requirements.lock`; written by `python .ci/lock.py`.
"""


def closure(wanted: list[str]) -> dict[str, str]:
    """Versions by name, of these packages and of what they ask for here."""
    found: dict[tuple[str, frozenset[str]], str] = {}
    todo = [Requirement(line) for line in wanted]
    while todo:
        asked = todo.pop()
        key = (canonicalize_name(asked.name), frozenset(asked.extras))
        if key in found:
            continue
        found[key] = version(asked.name).partition("+")[0]  # builds for one kind of processor have a release's number
        for needed in map(Requirement, requires(asked.name) or ()):
            extras = asked.extras or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                todo.append(needed)
    return {name: found[name, extras] for name, extras in found}


if __name__ == "__main__":
    setup = configparser.ConfigParser()
    setup.read("setup.cfg")
    pinned = closure(setup["options"]["install_requires"].split("\n")[1:])
    sys.stdout.write(HEAD + "".join(f"{name}=={pinned[name]}\n" for name in sorted(pinned)))
