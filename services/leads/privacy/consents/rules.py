"""What of all that somebody says is still to be recorded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.leads.privacy.wishes.rules import Agreed, Consent, Purpose, in_force
from shared.errors import Conflict, FieldError, Invalid


class NothingConsented(Conflict):
    code = "nothing_to_withdraw"
    title = "None of these was agreed to, or each is withdrawn already"


class MomentNotGiven(Invalid):
    code = "moment_not_given"
    title = "Of who is known already it must be told when they agreed"


def not_on_record(agreed: Agreed, history: Sequence[Consent]) -> tuple[Purpose, ...]:
    """What of it is still to be recorded of a lead that is there: all that was not told of that same moment.

    Raises MomentNotGiven where it is not said when they agreed, and they do not agree to all of it now:
    they may have withdrawn it since.
    """
    if agreed.at is not None:
        told = {one.purpose for one in history if one.granted and one.at == agreed.at}
        return tuple(one for one in agreed.purposes if one not in told)
    standing = in_force(history)
    if all(one in standing and standing[one].granted for one in agreed.purposes):
        return ()
    detail = "say when they agreed: they may have withdrawn it since"
    raise MomentNotGiven(detail, errors=[FieldError("/at", MomentNotGiven.code, detail)])


def to_withdraw(asked: Iterable[Purpose], standing: dict[Purpose, Consent]) -> tuple[Purpose, ...]:
    """Those that are not withdrawn already. Raises NothingConsented.

    Also what was never agreed to can be objected to: where another basis than consent holds, it is all
    that there is to say.
    """
    left = tuple(one for one in asked if one not in standing or standing[one].granted)
    if not left:
        raise NothingConsented
    return left
