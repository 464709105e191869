"""How large everybody's share of a weighted rule is. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.leads.assigning.standings.rules import AS_IT_IS, Reached, Share, per_cent
from shared.errors import FieldError


@dataclass(frozen=True, slots=True)
class Weights:
    """Shares of a weighted rule, relative to one another: by level, else `default`; of that, by what was
    reached of a metric, where `kpi` says so.
    """

    default: int = 1
    by_level: Mapping[str, int] = field(default_factory=dict)
    kpi: Share | None = None

    def of(self, level: str | None) -> int:
        return self.default if level is None else self.by_level.get(level, self.default)

    def all_of(self, them: Sequence[tuple[str | None, Reached | None]]) -> list[int]:
        """The weights of some, by level and what they have reached; in hundredths where a metric counts."""
        plain = [self.of(level) for level, _ in them]
        if self.kpi is None:
            return plain
        factors = per_cent(self.kpi, [reached for _, reached in them])
        return [weight * factor for weight, factor in zip(plain, factors, strict=True)]


def weights_wrong(weights: Weights, *, weighted: bool) -> list[FieldError]:
    """Why weights cannot work in a rule, weighted or not."""
    errors = []
    if weighted and not any((weights.default, *weights.by_level.values())):
        detail = "with every weight at zero nobody would get a lead"
        errors.append(FieldError("/weights", "weights_all_zero", detail))
    if weights.kpi is None:
        return errors
    if not weighted:
        detail = "only the strategy `weighted` asks what was reached"
        errors.append(FieldError("/weights/kpi", "unused", detail))
    for name, right in (
        ("least_percent", weights.kpi.least <= AS_IT_IS),
        ("most_percent", weights.kpi.most >= AS_IT_IS),
    ):
        if not right:
            detail = f"whoever reaches the mean keeps {AS_IT_IS} %, so it must lie within"
            errors.append(FieldError(f"/weights/kpi/{name}", "mean_not_within", detail))
    return errors
