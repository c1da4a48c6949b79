"""A repository that keeps a leaderboard alive: submissions come in as files, are checked, and the site is made anew."""

from __future__ import annotations

from collections.abc import Iterator

from ..._version import __version__

_README = """\
# Submissions

One zip file each, as `deid-bench pack results/… -o mine.zip` writes it. Open a pull request that adds it. The workflow
computes the numbers of every submission anew from its distances:

    deid-bench verify submissions/mine.zip -o results

What does not hold is refused with the reason. An organiser who has the method makes some of the images anew, too, with
`--method SPEC` (and `--plugin FILE.py`). After the merge the site is rebuilt from all records:

    deid-bench site results -o public

The workflow says which version of deid-bench judges. A newer one is written there by hand, so that no verdict changes
by itself.

Verdicts that an organiser has signed elsewhere (`deid-bench verify … -o FOLDER --sign KEY`) count with
`--trust organiser.pub`, and only those then.
"""

_WORKFLOW = """\
name: leaderboard
on:
  push:
    branches: [main]
  pull_request:
permissions:
  contents: read
jobs:
  check:
    runs-on: ubuntu-latest
    timeout-minutes: 120
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with: {python-version: "3.11"}
      - run: pip install deid-bench==VERSION
      - name: verify
        run: |
          mkdir -p results
          shopt -s nullglob
          for file in submissions/*.zip; do
            deid-bench verify "$file" -o results
          done
      - name: site
        run: |
          # A site of no record ends with 1, which is no failure before the first submission.
          deid-bench site results -o public || { [ $? = 1 ] && [ -z "$(ls results)" ]; }
      - uses: actions/upload-pages-artifact@v3
        with: {path: public}
  publish:
    if: github.ref == 'refs/heads/main'
    needs: check
    runs-on: ubuntu-latest
    permissions: {pages: write, id-token: write}
    environment: github-pages
    steps:
      - uses: actions/deploy-pages@v4
"""


def repository_files() -> Iterator[tuple[str, bytes]]:
    """Name and content of the files of a new leaderboard's repository."""
    yield "submissions/README.md", _README.encode()
    yield ".github/workflows/leaderboard.yml", _WORKFLOW.replace("VERSION", __version__).encode()
