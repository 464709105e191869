"""Names of companies as people write them, and which of them are one company: labelled, by a seed.

Shares no code with the product: neither how names are normalised nor what words count for little. Two parts
have no company, and no brand, in common: on `train` a threshold is chosen, `held_out` is only measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from random import Random
from typing import Literal

Part = Literal["train", "held_out"]


def _listed(words: str) -> list[str]:
    return words.split()


_CITIES = _listed("""
    北京 上海 深圳 广州 杭州 苏州 南京 成都 重庆 武汉 西安 天津 青岛 大连 厦门 宁波 无锡 佛山 东莞 长沙
    郑州 合肥 福州 济南 昆明 沈阳 哈尔滨 石家庄 温州 常州 珠海 中山 嘉兴 绍兴 泉州 烟台 潍坊 徐州 南通
    惠州
""")
_PROVINCES = _listed("""
    广东 浙江 江苏 山东 福建 四川 湖北 湖南 河南 河北 安徽 陕西 辽宁 云南
""")
# What a company does, as its name says it; some are long, some rare.
_TRADES = _listed("""
    科技 网络科技 信息技术 电子 电子商务 贸易 国际贸易 进出口 机械设备 机械制造 建筑工程 装饰工程
    房地产开发 物业管理 食品 餐饮管理 医疗器械 生物科技 医药 化工 新材料 环保科技 能源 电力设备
    汽车销售 汽车零部件 物流 供应链管理 文化传媒 广告 教育咨询 企业管理咨询 投资管理 服饰 家具 五金制品
    塑料制品 包装材料 印刷 纺织 软件 智能科技 自动化设备 农业发展 旅游 酒店管理
""")
_FORMS = ("有限公司", "有限公司", "有限公司", "有限责任公司", "股份有限公司")
_SYLLABLES = _listed("""
    华 中 国 金 天 盛 鑫 恒 瑞 嘉 德 信 诚 泰 宏 达 丰 源 龙 凯 博 远 创 新 联 合 兴 隆 安 康 佳 美 雅
    明 辉 光 星 海 洋 江 河 山 川 云 峰 林 森 木 禾 田 石 玉 宝 银 福 禄 寿 喜 乐 悦 欣 晨 阳 春 秋 正
    大 永 久 长 顺 利 通 运 捷 迅 飞 腾 跃 鹏 鹰 凤 麟 虎 马 智 慧 睿 思 维 尚 品 优 卓 越 超 凡 宇 宙
    元 亨 贞 同 力 众 和 邦 立 业 昌 荣 耀 锦 绣 程 途 赛 诺 维 拓 科 迪 奥 普 特 莱 克 威 尔 曼 森 蓝
    绿 红 白
""")
# Often taken for one another when typed: alike in sound.
_SOUNDS = _listed("""
    华花桦 金今锦 天添 盛胜晟圣 鑫欣新信 恒衡横 瑞睿锐 嘉佳家 德得 诚成城程 泰太态 宏弘鸿洪 达大
    丰峰风锋 源元原缘 龙隆 凯恺楷 博勃 远源 创闯 联连莲 合和荷 兴星 安鞍 康抗 美梅 雅亚 明铭名 辉晖徽
    光广 海凯 江姜 云运 林琳霖 玉誉宇裕 宝保 银引 福富 悦越粤 晨辰 阳洋扬 正政 永勇 长常 顺舜 利立力
    通同 捷杰 飞菲 腾藤 鹏朋 智志致 思斯 维唯威 优悠 卓拙 超朝 众中忠 邦帮 业叶 昌常 荣容融 耀曜 锦金
    赛塞 拓托 科克 迪笛 奥傲 普浦 特忒 莱来 尔耳 曼蔓 蓝兰
""")
_TRADITIONAL = dict(
    zip(
        "华国龙凯远创联兴达丰东门电软机设备业贸发银飞腾跃马维优卓荣耀锦绣图赛诺宝长顺运捷迅鹏鹰凤鸟鱼广汽车医药环务传媒广术网络团",
        "華國龍凱遠創聯興達豐東門電軟機設備業貿發銀飛騰躍馬維優卓榮耀錦繡圖賽諾寶長順運捷迅鵬鷹鳳鳥魚廣汽車醫藥環務傳媒廣術網絡團",
        strict=True,
    )
)
_WORDS = _listed("""
    acme apex atlas aurora beacon blue bright cascade cedar cobalt coral crest crown delta eagle ember
    evergreen falcon fjord forge garnet glacier granite harbor helix horizon indigo iron jade juniper
    keystone kite lark lotus lumen maple meridian mesa nimbus nova oak onyx orbit osprey pacific pine
    pinnacle polar prairie prism quartz raven redwood ridge river sable sage saturn sierra silver
    solstice spruce sterling summit terra thistle timber titan topaz trident umbra valley vector
    verdant vertex vista willow zenith zephyr
""")
_ENGLISH_TRADES = _listed("""
    Technologies Technology Systems Solutions Industries Trading Logistics Foods Consulting Engineering
    Energy Pharmaceuticals Materials Electronics Software Media Construction Textiles Packaging
    Automotive
""")
_ENGLISH_FORMS = ("Co., Ltd.", "Ltd.", "Limited", "Inc.", "Corp.", "Corporation", "LLC", "GmbH", "PLC")
_PLACES = ("Shanghai", "Shenzhen", "Singapore", "London", "Texas", "Bavaria", "Ohio", "Hong Kong")


@dataclass(frozen=True, slots=True)
class Company:
    """What a company is called, in its parts."""

    number: int
    place: str
    brand: str
    trade: str
    form: str
    english: bool

    @property
    def name(self) -> str:
        if self.english:
            return f"{self.brand} {self.trade} {self.form}"
        return f"{self.place}{self.brand}{self.trade}{self.form}"


@dataclass(frozen=True, slots=True)
class Labelled:
    """A name as somebody wrote it; `number` is that of the company that they meant, `how` it was written."""

    name: str
    number: int
    how: str


def labelled(part: Part, companies: int, seed: int = 1) -> list[Labelled]:
    """Names of so many companies, each once as registered and most once or twice more as people write them.

    Every third company has a neighbour that is easily taken for it: of the same place and trade, with nearly
    its brand, or of the same brand in another trade or place.
    """
    random = Random(f"{part} {seed}")
    brands = _brands(part, random)
    found: list[Labelled] = []
    number = 0
    while number < companies:
        company = _company(number, brands, random)
        family = [company]
        if random.random() < 1 / 3:
            number += 1
            family.append(_neighbour(company, number, brands, random))
        for each in family:
            found.append(Labelled(each.name, each.number, "registered"))
            ways = random.sample(sorted(_WAYS), random.choice((0, 1, 1, 2)))
            found += [Labelled(_WAYS[how](each, random), each.number, how) for how in ways]
        number += 1
    random.shuffle(found)
    return found


def matching(names: list[Labelled]) -> set[tuple[int, int]]:
    """Pairs of places in the list that are one company, the lower first."""
    of: dict[int, list[int]] = {}
    for at, each in enumerate(names):
        of.setdefault(each.number, []).append(at)
    return {pair for places in of.values() for pair in combinations(places, 2)}


def _brands(part: Part, random: Random) -> Iterator[tuple[str, bool]]:
    """Endless different ones, of words that the other part does not have in the same place."""
    half = 0 if part == "train" else 1
    firsts, words = _SYLLABLES[half::2], _WORDS[half::2]
    used: set[str] = set()
    while True:
        if random.random() < 0.25:
            brand = " ".join(word.capitalize() for word in random.sample(words, random.choice((1, 2, 2))))
            english = True
        else:
            length = random.choice((2, 2, 2, 3, 3, 4))
            brand = random.choice(firsts) + "".join(random.choice(_SYLLABLES) for _ in range(length - 1))
            english = False
        if brand not in used:
            used.add(brand)
            yield brand, english


def _company(number: int, brands: Iterator[tuple[str, bool]], random: Random) -> Company:
    brand, english = next(brands)
    if english:
        return Company(
            number,
            random.choice(_PLACES),
            brand,
            random.choice(_ENGLISH_TRADES),
            random.choice(_ENGLISH_FORMS),
            True,
        )
    place = (
        random.choice(_CITIES) + random.choice(("市", ""))
        if random.random() < 0.8
        else random.choice(_PROVINCES)
    )
    return Company(number, place, brand, random.choice(_TRADES), random.choice(_FORMS), False)


def _neighbour(one: Company, number: int, brands: Iterator[tuple[str, bool]], random: Random) -> Company:
    """Another company that looks like it."""
    kind = random.choice(("brand", "nearly", "trade", "place"))
    place, brand, trade = one.place, one.brand, one.trade
    if kind == "place" and not one.english:
        place = random.choice([city for city in _CITIES if city not in one.place])
    elif kind == "trade" or one.english:
        trades = _ENGLISH_TRADES if one.english else _TRADES
        trade = random.choice([each for each in trades if each[:2] != one.trade[:2]])
    elif kind == "nearly":
        at = random.randrange(len(brand))
        other = random.choice([each for each in _SYLLABLES if each != brand[at]])
        brand = brand[:at] + other + brand[at + 1 :]
    else:
        brand = next(each for each, english in brands if english == one.english)
    return Company(number, place, brand, trade, one.form, one.english)


def _other_form(one: Company, random: Random) -> str:
    if one.english:
        return f"{one.brand} {one.trade} {random.choice(_ENGLISH_FORMS)}"
    form = random.choice(("公司", "有限公司", "有限责任公司", "(有限公司)"))
    return f"{one.place}{one.brand}{one.trade}{form}"


def _no_form(one: Company, _: Random) -> str:
    return f"{one.brand} {one.trade}" if one.english else f"{one.place}{one.brand}{one.trade}"


def _no_place(one: Company, _: Random) -> str:
    return f"The {one.name}" if one.english else f"{one.brand}{one.trade}{one.form}"


def _short(one: Company, random: Random) -> str:
    """As colleagues call it."""
    if one.english:
        return one.brand
    return random.choice((f"{one.brand}{one.trade[:2]}", f"{one.place.rstrip('市')}{one.brand}", one.brand))


def _moved_place(one: Company, random: Random) -> str:
    if one.english:
        return f"{one.brand} {one.trade} ({one.place}) {one.form}"
    place = one.place.rstrip("市")
    left, right = random.choice((("(", ")"), ("（", "）")))
    return f"{one.brand}{one.trade}{left}{place}{right}{one.form}"


def _typo(one: Company, random: Random) -> str:
    """One character is another one that sounds alike, is doubled, missing, or changed places."""
    name = one.name if not one.english else one.name.lower().title()
    last = len(name) - len(one.form) if len(name) - len(one.form) > 2 else len(name)
    at = random.randrange(0 if one.english else len(one.place), last)
    alike = [group for group in _SOUNDS if name[at] in group]
    if alike and random.random() < 0.7:
        other = random.choice([each for each in alike[0] if each != name[at]])
        return name[:at] + other + name[at + 1 :]
    if random.random() < 0.4 and at + 1 < last:
        return name[:at] + name[at + 1] + name[at] + name[at + 2 :]
    return name[:at] + name[at + 1 :] if random.random() < 0.5 else name[:at] + name[at] + name[at:]


def _script(one: Company, _: Random) -> str:
    if one.english:
        return one.name.upper()
    return "".join(_TRADITIONAL.get(each, each) for each in one.name)


def _spaced(one: Company, random: Random) -> str:
    if one.english:
        return one.name.replace(" ", "  ").replace("Co., Ltd.", "Co.Ltd")
    parts = [one.place, one.brand, one.trade, one.form]
    return random.choice((" ", "·", "　")).join(parts)


def _less_trade(one: Company, _: Random) -> str:
    """Of a long trade only the end, or the beginning, is written."""
    if one.english:
        return f"{one.brand} {one.trade[:4]}. {one.form}"
    trade = one.trade[-2:] if len(one.trade) > 2 else ""
    return f"{one.place}{one.brand}{trade}{one.form}"


_WAYS: dict[str, Callable[[Company, Random], str]] = {
    "other form": _other_form,
    "no form": _no_form,
    "no place": _no_place,
    "short": _short,
    "moved place": _moved_place,
    "typo": _typo,
    "script": _script,
    "spaced": _spaced,
    "less trade": _less_trade,
}


@dataclass(frozen=True, slots=True)
class Quality:
    """How well pairs were told: how many of those told are right, and how many of all right ones are told."""

    told: int
    right: int
    all: int

    @property
    def precision(self) -> float:
        return self.right / self.told if self.told else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.all if self.all else 1.0

    @property
    def f1(self) -> float:
        """Their harmonic mean."""
        return 2 * self.right / (self.told + self.all)


def quality(names: list[Labelled], told: set[tuple[int, int]]) -> Quality:
    """Of pairs of places in the list, the lower first."""
    right = matching(names)
    return Quality(len(told), len(told & right), len(right))
