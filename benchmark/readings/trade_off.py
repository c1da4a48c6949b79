"""A record's detection error trade-off in normal deviates, as it is drawn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..metrics.recognition.det import DET_FLOOR, probit
from ..records.record import Interval, RunRecord


def deviates(rates: Iterable[float], floor: float = DET_FLOOR, ceiling: float = 1.0) -> list[float]:
    """Places of error rates on the axes of a DET; see `probit`.

    Args:
        rates: 0..1.
        floor: rates nearer to 0 or 1 are placed here.
        ceiling: larger rates are placed here.

    Raises:
        ValueError: a rate is out of range, or the floor is.
    """
    return [float(each) for each in probit([min(rate, ceiling) for rate in rates], floor)]


@dataclass(frozen=True, slots=True)
class TradeOff:
    """One curve, and where the threshold of the originals' EER lies on it."""

    fmr: tuple[float, ...]
    """0..1."""
    fnmr: tuple[float, ...]
    """0..1; for de-identified images the share that is rejected."""
    at: tuple[float, float] | None
    """FMR and FNMR at the threshold."""
    interval: Interval | None
    """Of that FNMR, in %."""
    finest: tuple[float, float]
    """Half of what one comparison is worth, on either axis: rates of 0 are drawn here."""

    @property
    def points(self) -> tuple[list[float], list[float]]:
        """The curve in normal deviates, across and up."""
        return deviates(self.fmr, self.finest[0]), deviates(self.fnmr, self.finest[1])

    @property
    def mark(self) -> tuple[float, float] | None:
        """The threshold in normal deviates, across and up."""
        if self.at is None:
            return None
        return deviates(self.at[:1], self.finest[0])[0], deviates(self.at[1:], self.finest[1])[0]

    @property
    def ends(self) -> list[float]:
        """Both ends of the interval in normal deviates; empty where there is none."""
        if self.interval is None:
            return []
        ends = (self.interval.low / 100, self.interval.high / 100)
        return deviates((min(max(each, 0.0), 1.0) for each in ends), self.finest[1])


def trade_off(record: RunRecord, recognizer: str, name: str, rate: str = "") -> TradeOff | None:
    """A DET as the record has it; None where it has none.

    Args:
        record: of a run.
        recognizer: specification.
        name: of the curve, `det`, `det_own` or `det_cross`.
        rate: the rejection rate whose interval is drawn at the threshold; empty: none.
    """
    for each in record.curves:
        if (each.name, each.recognizer) == (name, recognizer) and each.comparisons is not None:
            value = record.value(rate, recognizer) if rate else None
            return TradeOff(
                tuple(each.x),
                tuple(each.y),
                (each.at[0], each.at[1]) if each.at else None,
                value.interval if value is not None and value.value is not None else None,
                (0.5 / each.comparisons[0], 0.5 / each.comparisons[1]),
            )
    return None
