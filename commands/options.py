"""Options that several commands share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from ..benchmark.planning.defaults import DEFAULT_DATASETS, MOST_SEEDS, default_protocol

QUICK_LIMIT = 6
"""Identities that `--quick` takes."""

_OF_DASK = ("scheduler", "insecure", "tls_ca", "tls_cert", "tls_key")
"""Options that the other back-ends do not know."""

F = TypeVar("F", bound=Callable[..., Any])


class Finite(click.FloatRange):
    """A number in a range; not `nan`, which lies in every range, nor `inf`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"expected a finite number, got {value}", param, ctx)
        return number


class _Place(click.Path):
    """A path to write to; an empty one would be the current folder, which nobody has named."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str) and not value.strip():
            self.fail(f"expected a path, got {value!r}; . is the current folder", param, ctx)
        return super().convert(value, param, ctx)


class _Told(click.Option):
    """An option whose help says what protocols say, worked out when it is shown, so that other help stays quick."""

    def __init__(self, *args: Any, told: Callable[[], str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._told = told

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        self.help = self._told()
        return super().get_help_record(ctx)


def _told_datasets() -> str:
    from ..benchmark.protocols import get_protocol

    name = default_protocol("face")
    *others, last = get_protocol(name).datasets
    first = f"the first at hand of {', '.join(others)} and {last}" if others else last
    return f"Dataset. Repeatable.  [default: {' and '.join(DEFAULT_DATASETS)}; under {name} {first}]"


def _told_protocol() -> str:
    return f"Rules: an id, or FILE.toml of your own.  [default: {default_protocol()}]"


def _named_attacks(ctx: click.Context, param: click.Parameter, value: str | None) -> str:
    """What was typed; empty where nothing was."""
    if value is not None and not value.strip(", "):
        raise click.BadParameter(f"expected none, basic, full or names of attacks, got {value!r}", ctx, param)
    return value or ""


def completing(
    *kinds: str, otherwise: Literal["file", "dir"] = "file"
) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Completes names in the shell; parameters after a colon are left to the user.

    Args:
        kinds: of the registry, `protocol`, `attack` or `number` (every metric that is reported).
        otherwise: what the shell looks for where no name begins so.
    """

    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        names = {name for kind in kinds for name in _names_of(kind) if name.startswith(incomplete)}
        return [CompletionItem(each) for each in sorted(names)] or [CompletionItem(incomplete, type=otherwise)]

    return complete


def _names_of(kind: str) -> Iterable[str]:
    """What there is of a kind of `completing`."""
    if kind == "protocol":
        from ..benchmark.protocols import protocols

        return protocols()
    if kind == "attack":
        from ..benchmark.planning.attack_plan import DEFAULT_SUITE
        from ..benchmark.suites import get_suite

        return [each.id for each in get_suite(DEFAULT_SUITE).attack]
    if kind == "number":
        from ..benchmark.metrics.catalogue import METRICS
        from ..benchmark.metrics.plugged import installed_metrics

        return [*METRICS, *(each.name for each in installed_metrics())]
    from ..plugins.entries import Kind, registry

    return registry().entries(Kind(kind))


protocol_option = click.option(
    "--protocol", "-p", default=default_protocol, metavar="ID", shell_complete=completing("protocol"), cls=_Told,
    told=_told_protocol,
)  # fmt: skip
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
reference_option = click.option(
    "--reference/--no-reference", default=True, show_default=True,
    help="Show the built-in methods beside yours, where they were run on the same.",
)  # fmt: skip
quiet_option = click.option("--quiet", "-q", is_flag=True, help="No progress and no table.")


def out_to(what: str, default: Path | None = None, *, required: bool = False) -> Callable[[F], F]:
    """The option that says where a command puts what it writes: called so, and meaning that, in every command.

    Args:
        what: is written there; its help.
        default: where it goes otherwise; None: nowhere, or where `what` says.
        required: whether it has to be given.
    """
    kind = _Place(path_type=Path)  # what cannot be written is said by whoever writes, with 4
    return click.option("--out", "-o", type=kind, default=default, show_default=True, required=required, help=what)


out_option = out_to("Folder of records and finished work.", Path("results"))


trust_option = click.option(
    "--trust",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Public SSH keys of people whose signed stamps count; unsigned stamps do not count then. Repeatable.",
)


def signers(trust: tuple[Path, ...]) -> list[Any]:
    """The keys of `trust_option`.

    Raises:
        KeyProblem: a file holds none.
    """
    from ..benchmark.submission.signature import read_signers

    return [each for path in trust for each in read_signers(path)]


def _decorated(function: F, decorators: Sequence[Callable[[F], F]]) -> F:
    """The function with options in this order."""
    for decorator in reversed(decorators):
        function = decorator(function)
    return function


def backend_options(function: F) -> F:
    """How to work; the same for `run` and `work`."""
    decorators = (
        click.option(
            "--backend", type=click.Choice(["process", "serial", "dask"]), default="process", show_default=True,
            help="Where the work is done; results are the same.",
        ),
        click.option(
            "--scheduler", default="local:2", show_default=True, metavar="ADDRESS",
            help="Of --backend dask: tcp://HOST:PORT, tls://HOST:PORT, or local:N for N workers started here.",
        ),
        click.option("--insecure", is_flag=True, help="Take a Dask scheduler that others can reach unencrypted."),
        click.option("--tls-ca", default="", metavar="FILE", help="Authority of a tls:// scheduler."),
        click.option("--tls-cert", default="", metavar="FILE", help="Certificate to show to a tls:// scheduler."),
        click.option("--tls-key", default="", metavar="FILE", help="Its key.  [default: in the certificate's file]"),
        click.option(
            "--time-limit", type=Finite(min=0, min_open=True), default=60.0, show_default=True,
            help="Seconds a method may take for one image.",
        ),
    )  # fmt: skip
    return _decorated(function, decorators)


def check_backend(values: dict[str, Any]) -> None:
    """Make sure that no option of `backend_options` is given that the chosen back-end does not know.

    Raises:
        click.UsageError: one is.
    """
    context = click.get_current_context()
    given = [
        f"--{name.replace('_', '-')}"
        for name in _OF_DASK
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT
    ]
    if given and values["backend"] != "dask":
        raise click.UsageError(
            f"{', '.join(given)}: of --backend dask, got --backend {values['backend']}; leave one of them away"
        )


def make_cluster(values: dict[str, Any]) -> Any:
    """`Cluster` from the values of `backend_options`.

    Raises:
        click.UsageError: they do not fit together.
    """
    check_backend(values)
    from ..benchmark.engine.backends import Cluster

    return Cluster(values["scheduler"], values["insecure"], values["tls_ca"], values["tls_cert"], values["tls_key"])


def root_seed(value: str) -> int:
    """A whole number, or `random` for one that nobody can guess; it stands in the record like any other."""
    if value == "random":
        import secrets

        return secrets.randbits(53)  # the most that every reader of JSON keeps exactly
    try:
        return int(value)
    except ValueError:
        raise click.BadParameter(f"expected a whole number or random, got {value!r}") from None


def run_options(function: F) -> F:
    """What to run; the same for `run` and `plan`."""
    jobs = click.option(
        "--jobs", "-j", type=click.IntRange(0), default=0, help="Worker processes.  [default: all cores]"
    )
    return _plugin_options(_extent_options(_decorated(function, (out_option, jobs))))


def _plugin_options(function: F) -> F:
    """Methods, and what they are run with."""
    decorators = (
        click.option(
            "--method", "-m", "methods", multiple=True, required=True, metavar="SPEC",
            shell_complete=completing("deidentifier"),
            help="De-identifier: NAME, NAME:key=value,… or FILE.py:Class. Repeatable.",
        ),
        click.option(
            "--sweep", "sweeps", multiple=True, metavar="NAME=V1,V2,…",
            help="Run each method that has the parameter NAME at each of these values; METHOD.NAME: that method only. "
            "Several make a grid.",
        ),
        click.option(
            "--surrogate", default="", metavar="NAME", shell_complete=completing("recognizer"),
            help="Recogniser that methods may look into, for those that do: white box against it, black box against "
            "others.",
        ),
        click.option(
            "--dataset", "-d", "datasets", multiple=True, metavar="SPEC", shell_complete=completing("dataset"),
            cls=_Told, told=_told_datasets,
        ),
        protocol_option,
        click.option(
            "--recognizer", "-r", "recognizers", multiple=True, metavar="SPEC", shell_complete=completing("recognizer"),
            help="Recognition system. Repeatable.  [default: those of the protocol]",
        ),
        click.option(
            "--metric", "metrics", multiple=True, metavar="SPEC", shell_complete=completing("metric"),
            help="A metric beside those of the toolkit: NAME or FILE.py:Class. Repeatable.",
        ),
        click.option(
            "--analyzer", default="", metavar="SPEC", shell_complete=completing("analyzer"),
            help="Detector.  [default: that of the protocol]",
        ),
    )  # fmt: skip
    return _decorated(function, decorators)


def _extent_options(function: F) -> F:
    """How much is done with them."""
    decorators = (
        click.option(
            "--seeds", "repetitions", type=click.IntRange(1, MOST_SEEDS), default=1, show_default=True,
            help="De-identified versions of each image (stochastic methods).",
        ),
        click.option(
            "--quality", type=click.Choice(["basic", "full"]), default="basic", show_default=True,
            help="full: also VGG16, regions, the paper's own evaluation, further measures, noise floor of the detector "
            "(minutes).",
        ),
        click.option(
            "--attacks", default=None, callback=_named_attacks, metavar="LEVEL",
            help="Attackers who try: none, basic, full (trains networks, some minutes more for each method), or names "
            "such as A1,A2a.  [default: what the protocol says]",
        ),
        click.option(
            "--root-seed", type=root_seed, metavar="INTEGER|random", default="0", show_default=True,
            help="Seed that all others come from; random: drawn anew, for pictures that are to be published.",
        ),
        click.option(
            "--limit", type=click.IntRange(1), default=None, metavar="N",
            help="First N identities only: a smoke test, marked as not comparable.",
        ),
        click.option(
            "--quick", is_flag=True,
            help=f"A first look in a minute or two: --limit {QUICK_LIMIT}, --attacks none and the protocol's first "
            "dataset, unless you name others. Not comparable.",
        ),
    )  # fmt: skip
    return _decorated(function, decorators)


def as_asked(values: dict[str, Any]) -> dict[str, Any]:
    """The values of `run_options` with what `--quick` stands for; what was named beside it stays.

    Raises:
        ProtocolError: the protocol is not known, or has no dataset at hand.
    """
    if not values["quick"]:
        return values
    from ..benchmark.planning.cells import default_datasets
    from ..benchmark.protocols import get_protocol

    return {
        **values,
        "limit": values["limit"] or QUICK_LIMIT,
        "attacks": values["attacks"] or "none",
        "datasets": values["datasets"] or default_datasets(get_protocol(values["protocol"]))[:1],
    }


def quick_words(values: dict[str, Any]) -> str:
    """What `--quick` stood for, as options; empty without it."""
    if not values["quick"]:
        return ""
    asked = as_asked(values)
    datasets = " ".join(f"-d {each}" for each in asked["datasets"])
    stood = f"{datasets} --limit {asked['limit']} --attacks {asked['attacks']}"
    return f"--quick stood for {stood}: a first look, not comparable"


def make_run_options(values: dict[str, Any]) -> Any:
    """`RunOptions` from the values of `run_options`.

    Raises:
        SweepError, PluginError: a sweep or the surrogate is wrong.
        ProtocolError: with `--quick`, the protocol cannot be used.
    """
    values = as_asked(values)
    from ..benchmark.planning.cells import RunOptions
    from ..benchmark.planning.sweep import expand, with_surrogate

    return RunOptions(
        methods=expand(with_surrogate(values["methods"], values["surrogate"]), values["sweeps"]),
        datasets=values["datasets"],
        protocol=values["protocol"],
        recognizers=values["recognizers"],
        analyzer=values["analyzer"],
        metrics=values["metrics"],
        repetitions=values["repetitions"],
        root_seed=values["root_seed"],
        limit=values["limit"] or 0,
        quality=values["quality"],
        attacks=values["attacks"],
    )
