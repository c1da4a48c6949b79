"""The bundle that organisers upload to codabench.org: the competition, pages, a logo, and how submissions are scored.

competition.yaml                    the competition, layout 2
logo.png
pages/overview.md …                 what participants read
scoring_program/metadata.yaml       the command that scores one submission
reference_data/challenge.json       what a record has to be, see `challenge`
public_data/protocol.toml           for participants, where the rules are the organisers' own
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ...benchmark.metrics.catalogue import METRICS
from ...benchmark.storage.strict_zip import make_zip
from ...benchmark.submission.bounds import SECONDS
from .challenge import FILE_NAME, Challenge
from .columns import Column, sorting
from .pages import pages
from .yaml_text import Plain, yaml_text

COMMAND = "deid-bench codabench --score /app/input -o /app/output"
"""As the platform's worker runs it, in the challenge's image, with the submission below `input/res`."""
LEADERBOARD = "main"
_TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
_SECONDS = int(3 * SECONDS)
"""Reading a record and computing it anew may take the limit of `bounds` each; the rest is for starting."""
_PER_DAY, _PER_PHASE = 5, 100
_SIDE = 256
_PALM, _GROUND, _BLOCKS = (214, 150, 118), (38, 50, 64), 14
_FINGERS = ((58, 92, 34), (94, 54, 34), (130, 44, 34), (166, 66, 30))
"""Left edge, top and width of each, in px."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When submissions are taken, in UTC."""

    start: datetime
    end: datetime | None = None
    """None: without an end."""


def bundle(challenge: Challenge, image: str, schedule: Schedule, own_rules: bytes = b"") -> bytes:
    """The zip.

    Args:
        challenge: what it is about.
        image: container image that submissions are scored in; deid-bench is installed in it.
        schedule: of the only phase.
        own_rules: the TOML file of the organisers' own protocol; empty: it is a released one.
    """
    texts = {f"pages/{name}.md": text for name, (_, text) in pages(challenge).items()}
    files = {
        "competition.yaml": yaml_text(_competition(challenge, image, schedule, bool(own_rules))),
        "scoring_program/metadata.yaml": yaml_text({"command": COMMAND}),
        f"reference_data/{FILE_NAME}": challenge.model_dump_json(indent=1) + "\n",
        **texts,
    }
    members = {name: text.encode() for name, text in files.items()} | {"logo.png": _logo()}
    return make_zip(members | ({"public_data/protocol.toml": own_rules} if own_rules else {}))


def _competition(challenge: Challenge, image: str, schedule: Schedule, own_rules: bool) -> dict[str, Plain]:
    shown = pages(challenge)
    return {
        "version": 2,
        "title": challenge.title,
        "description": f"De-identification under {challenge.protocol} on {challenge.dataset}, scored by deid-bench.",
        "image": "logo.png",
        "terms": "pages/terms.md",
        "docker_image": image,
        "registration_auto_approve": False,
        "make_programs_available": True,
        "enable_detailed_results": True,
        "show_detailed_results_in_submission_panel": True,
        "show_detailed_results_in_leaderboard": True,
        "pages": [{"title": title, "file": f"pages/{name}.md"} for name, (title, _) in shown.items()],
        "tasks": [
            {
                "index": 0,
                "name": "Verify",
                "description": "Numbers of a submission, computed anew from its distances.",
                # With a slash at the end the platform packs the folder beside the bundle's other files.
                "scoring_program": "scoring_program/",
                "reference_data": "reference_data/",
            }
        ],
        "phases": [_phase(schedule, own_rules)],
        "leaderboards": [
            {
                "title": "Results",
                "key": LEADERBOARD,
                "submission_rule": "Force_Last",
                "columns": [_column(place, column) for place, column in enumerate(challenge.columns)],
            }
        ],
    }


def _phase(schedule: Schedule, own_rules: bool) -> dict[str, Plain]:
    end: Mapping[str, Plain] = {} if schedule.end is None else {"end": schedule.end.strftime(_TIME_FORMAT)}
    return {
        "index": 0,
        "name": "Submissions",
        "description": "Zips of `deid-bench pack`.",
        "start": schedule.start.strftime(_TIME_FORMAT),
        **end,
        "max_submissions_per_day": _PER_DAY,
        "max_submissions": _PER_PHASE,
        "execution_time_limit": _SECONDS,
        "accepts_only_result_submissions": True,
        **({"public_data": "public_data/"} if own_rules else {}),
        "tasks": [0],
    }


def _column(place: int, column: Column) -> dict[str, Plain]:
    metric = METRICS[column.metric]
    return {
        "title": column.title,
        "key": column.key,
        "index": place,
        "sorting": sorting(metric),
        "precision": metric.decimals,
        "hidden": False,
    }


def _logo() -> bytes:
    """A hand, the palm in blocks; drawn here, so that no picture has to be shipped."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (_SIDE, _SIDE), _GROUND)
    draw = ImageDraw.Draw(image)
    for left, top, width in _FINGERS:
        draw.rounded_rectangle((left, top, left + width, 180), width // 2, fill=_PALM)
    draw.rounded_rectangle((56, 130, 198, 236), 40, fill=_PALM)
    draw.line((72, 176, 184, 156), fill=_GROUND, width=4)
    draw.line((84, 214, 170, 178), fill=_GROUND, width=4)
    palm = image.crop((56, 136, 198, 236))
    coarse = palm.resize((_BLOCKS, _BLOCKS * palm.height // palm.width), Image.Resampling.BOX)
    image.paste(coarse.resize(palm.size, Image.Resampling.NEAREST), (56, 136))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
