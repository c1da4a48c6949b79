"""The pages of a challenge, in Markdown: a start that organisers edit."""

from __future__ import annotations

from ...benchmark.metrics.catalogue import METRICS
from .challenge import Challenge
from .columns import sorting

_OVERVIEW = """\
# {title}

Whoever takes part brings a method that changes images so that people in them are no longer recognised. Methods are
scored by deid-bench {toolkit} under the protocol `{protocol}` on the dataset `{dataset}`: recognisers
({recognizers}){attackers} try to tell who it is all the same, and what is left of the image is measured, too.
"""

_PARTICIPATE = """\
# Taking part

1. Install deid-bench {toolkit}.
2. Write a method: `deid-bench new method my_method` writes a package to start from.
3. Run it under the rules of this challenge:

        deid-bench run --protocol {rules} --dataset {dataset_asked} --method ./my.py:MyMethod --seeds {seeds}

   {seeds_said} The root seed, the attacks and everything else stay as
   the command has them, so that all rows are made alike.
4. Pack what the run wrote, one method only, and upload the zip:

        deid-bench pack results/… -o submission.zip

The dataset's digest is `{dataset_digest}`, the protocol's
`{protocol_digest}`; `run.json` says both. A submission holds numbers, distances and, where
the dataset may be passed on, a few images. It holds no code, and nothing in it is run.
"""

_EVALUATION = """\
# Evaluation

The numbers of every submission are computed anew, as `deid-bench verify` does: of recognition from its distances, of
images from what its rows say of them. The first column ranks.

| column | better | what it is |
|---|---|---|
{columns}

**No score** gets a submission that contradicts itself, whose numbers are not those of its distances, that is of other
rules, images, seeds or attackers, in whose run something crashed, or that lacks the number of the first column. The
detailed results say why, and how many images failed. A number that cannot be computed anew is not shown.{attacks_said}

**What this does not prove.** Distances, measures of images and labels are the submitter's word until images are made
anew with the method at hand, which organisers do for whom they choose: `deid-bench verify submission.zip --method …`.
"""

_MANY_SEEDS = "A method that draws nothing leaves `--seeds` out; it gives one version of each image."
_ONE_SEED = "That is one version of each image."
_ATTACKED = """

**Attackers.** Every attack of the suite is tried, or cannot be tried for a reason that follows from what the method
says of itself (it draws nothing, does not blur, does not say what it may repaint, …). A submission that leaves one out
for another reason gets no score."""

_TERMS = """\
# Terms

Submissions may be verified, kept and published as rows of a leaderboard. Whoever is asked to hands in the method, so
that the organisers can make images of it anew. Results that cannot be reproduced are removed.

The organisers add here who may take part, whose data it is, and what may be done with them.
"""


def pages(challenge: Challenge) -> dict[str, tuple[str, str]]:
    """Title and text of every page by the name of its file, in the order of the site."""
    lines = [
        f"| {each.title} | {'higher' if sorting(metric) == 'desc' else 'lower'} | {metric.definition} |"
        for each in challenge.columns
        for metric in (METRICS[each.metric],)
    ]
    words = {
        "title": challenge.title,
        "toolkit": challenge.toolkit,
        "protocol": challenge.protocol,
        "protocol_digest": challenge.protocol_digest,
        "rules": "protocol.toml" if challenge.own_rules else challenge.protocol,
        "dataset": challenge.dataset,
        "dataset_asked": challenge.dataset_asked,
        "dataset_digest": challenge.dataset_digest,
        "recognizers": ", ".join(each.spec for each in challenge.recognizers),
        "attackers": f" and the attackers of {challenge.suite}" if challenge.suite else "",
        "columns": "\n".join(lines),
        "seeds": str(challenge.seeds),
        "seeds_said": _MANY_SEEDS if challenge.seeds > 1 else _ONE_SEED,
        "attacks_said": _ATTACKED if challenge.suite else "",
    }
    named = {
        "overview": ("Overview", _OVERVIEW),
        "participate": ("Taking part", _PARTICIPATE),
        "evaluation": ("Evaluation", _EVALUATION),
        "terms": ("Terms", _TERMS),
    }
    return {name: (title, text.format(**words)) for name, (title, text) in named.items()}
