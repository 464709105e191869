"""The simulated company: its units, its people, its customers, by a seed always the same."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

REPS = (
    "王小明", "Lin Chen", "李雷", "Anna Weber", "韩梅梅", "James Carter", "赵敏", "Sofia Rossi",
    "陈晓东", "Maria Silva",
    "刘洋", "Tom Becker", "周婷", "Emily Clark", "孙浩", "Lucas Martin",
)  # fmt: skip
DIRECTOR = "何建国"
MANAGERS = ("张伟", "Grace Miller", "吴倩", "David Novak")
REGIONS = (("north", "华北 North"), ("south", "华南 South"))
SUPERVISORS = {"north": "马丽", "south": "Paul Moreau"}
"""Of the regions."""
TEAM_SIZE = 2
PRODUCTS = ("CRM Cloud", "Data Hub", "Field App")
CHANNELS = ("web", "exhibition", "referral", "phone")
SOURCES = ("website", "trade_fair", "partner", "campaign")
CAMPAIGNS = {"trade_fair": "春季展会 Spring Fair", "campaign": "新品发布 Launch"}
"""By source."""
_FAMILY = ("王", "李", "张", "刘", "陈", "杨", "黄", "赵", "周", "吴")
_GIVEN = ("伟", "芳", "娜", "敏", "静", "强", "磊", "洋", "艳", "杰")
_FIRST = ("Olivia", "Noah", "Emma", "Liam", "Ava", "Ethan", "Mia", "Jack", "Zoe", "Leo")
_LAST = ("Smith", "Garcia", "Müller", "Rossi", "Novak", "Dubois", "Jensen", "Brown", "Silva", "Kim")
_FIRMS_ZH = ("华信科技", "东方机械", "蓝海物流", "金桥贸易", "新元电子", "恒达建材")
_FIRMS_EN = ("Acme Trading", "Northwind", "Globex", "Initech", "Umbrella Labs", "Stark Tools")


@dataclass(frozen=True, slots=True)
class Team:
    """A team with its manager; `region` is the code of the region above it."""

    code: str
    name: str
    region: str
    manager: str


@dataclass(frozen=True, slots=True)
class Rep:
    """`skill` is how likely their deals are to go on, 0 to 1."""

    code: str
    name: str
    team: Team
    skill: float


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who might buy. Phones are of ranges that belong to nobody, or to no known one."""

    name: str
    company: str
    phone: str
    email: str
    region: str
    product: str
    channel: str
    source: str
    amount: int

    @property
    def campaign(self) -> str | None:
        """The one that brought them, if one did."""
        return CAMPAIGNS.get(self.source)


def company(reps: int, seed: int) -> tuple[Sequence[Team], Sequence[Rep]]:
    """Teams of two in two regions, and the reps in them."""
    chance = random.Random(seed)  # noqa: S311 - a story, no secret
    teams = [_team(number) for number in range((reps + TEAM_SIZE - 1) // TEAM_SIZE)]
    people = [
        Rep(
            f"demo-rep-{number + 1}",
            _rep_name(number),
            teams[number // TEAM_SIZE],
            chance.uniform(0.55, 0.85),
        )
        for number in range(reps)
    ]
    return teams, people


def _team(number: int) -> Team:
    region, region_name = REGIONS[number % len(REGIONS)]
    nth = number // len(REGIONS) + 1
    manager = MANAGERS[number % len(MANAGERS)] + (
        f" {number // len(MANAGERS) + 1}" if number >= len(MANAGERS) else ""
    )
    return Team(f"demo-{region}-{nth}", f"{region_name} {nth}", f"demo-{region}", manager)


def _rep_name(number: int) -> str:
    again = number // len(REPS)
    return REPS[number % len(REPS)] + (f" {again + 1}" if again else "")


def customer(chance: random.Random, number: int) -> Customer:
    """The next customer, Chinese or not by turns of chance."""
    amount = int(chance.lognormvariate(9.6, 0.8) // 100 * 100) + 500
    region = chance.choice(REGIONS)[0]
    rest = (region, chance.choice(PRODUCTS), chance.choice(CHANNELS), chance.choice(SOURCES), amount)
    if chance.random() < 0.5:
        name = chance.choice(_FAMILY) + chance.choice(_GIVEN) + chance.choice(("", chance.choice(_GIVEN)))
        phone = f"+86 138 {number % 10000:04d} {chance.randrange(10000):04d}"
        return Customer(name, chance.choice(_FIRMS_ZH), phone, f"kehu{number}@example.com", *rest)
    first, last = chance.choice(_FIRST), chance.choice(_LAST)
    phone = f"+44 20 7946 {number % 1000:04d}"
    return Customer(
        f"{first} {last}", chance.choice(_FIRMS_EN), phone, f"customer{number}@example.com", *rest
    )
