"""Prints the shell block of README.md that has a word, so that CI runs what the README says and nothing else.

    python readme_command.py WORD

Ends with an error where no block has it, or several have: nothing would be run without a word then.
"""

import re
import sys
from pathlib import Path

blocks = re.findall(r"^```(?:sh|bash|shell)\n(.*?)^```", Path("README.md").read_text(encoding="utf-8"), re.M | re.S)
found = [each for each in blocks if re.search(rf"\b{re.escape(sys.argv[1])}\b", each)]
if len(found) != 1:
    sys.exit(f"expected one shell block of README.md with {sys.argv[1]!r}, got {len(found)}")
sys.stdout.write(found[0])
