"""How much two names of companies are alike, and what makes them so. Pure.

A name is a place, a brand, a trade: `深圳市|腾讯|计算机系统`. The brand decides; a place or a trade that both
have and that differ speak against it, one that only one of them has says little. Nearly the same brand is
enough only where all else is the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

LEAST = 0.8
"""From here on two names are told as alike: chosen on the training part of a labelled set."""


def _listed(words: str) -> list[str]:
    return words.split()


_PLACES = _listed("""
    北京 上海 天津 重庆 河北 山西 辽宁 吉林 黑龙江 江苏 浙江 安徽 福建 江西 山东 河南 湖北 湖南 广东
    海南 四川 贵州 云南 陕西 甘肃 青海 台湾 内蒙古 广西 西藏 宁夏 新疆 香港 澳门 中国 石家庄 唐山 保定
    太原 呼和浩特 沈阳 大连 长春 哈尔滨 南京 无锡 徐州 常州 苏州 南通 扬州 镇江 杭州 宁波 温州 嘉兴
    湖州 绍兴 金华 台州 合肥 芜湖 福州 厦门 泉州 漳州 南昌 济南 青岛 淄博 烟台 潍坊 济宁 临沂 郑州 洛阳
    武汉 宜昌 长沙 株洲 广州 深圳 珠海 汕头 佛山 中山 东莞 惠州 江门 南宁 柳州 海口 三亚 成都 绵阳 贵阳
    昆明 拉萨 西安 兰州 西宁 银川 乌鲁木齐 shanghai beijing shenzhen guangzhou hangzhou suzhou china
    hongkong taiwan singapore london usa germany japan texas ohio california newyork
""")
_TRADES = _listed("""
    科技 技术 网络 信息 电子 商务 贸易 国际 进出口 机械 设备 制造 建筑 工程 装饰 房地产 地产 置业 开发
    物业 管理 食品 餐饮 医疗 器械 生物 医药 药业 化工 化学 材料 新材料 环保 环境 能源 新能源 电力 电气
    汽车 销售 零部件 配件 物流 供应链 运输 货运 文化 传媒 传播 广告 教育 咨询 企业 投资 基金 资产 金融
    服饰 服装 家具 家居 五金 制品 塑料 橡胶 包装 印刷 纺织 软件 系统 计算机 通信 通讯 智能 自动化 仪器
    仪表 农业 畜牧 发展 旅游 酒店 服务 实业 工业 工贸 商贸 集团 控股 数据 数码 光电 半导体 安防 消防
    检测 人力资源 百货 超市 连锁 珠宝 日用品 化妆品 技术服务 technologies technology tech systems
    system solutions industries industrial trading logistics foods food consulting engineering energy
    pharmaceuticals pharma materials electronics electronic software media construction textiles
    packaging automotive international group holdings holding services global
""")
_PLACE = re.compile("(" + "|".join(sorted(_PLACES, key=len, reverse=True)) + ")(?:省|市|特别行政区)?")
_TRADE = re.compile("|".join(sorted(_TRADES, key=len, reverse=True)))
_BRANCH = "/"
_SHORTEST = 2
_STEM = 4


@dataclass(frozen=True, slots=True)
class Parts:
    """What a core is made of; `branch` as `company_core` tells it, `rest`: brand and trades as they stand."""

    places: frozenset[str]
    brand: str
    trades: frozenset[str]
    branch: str
    rest: str


@dataclass(frozen=True, slots=True)
class Likeness:
    """From 0 to 1; `reason` is a code."""

    score: float
    reason: str


NONE = Likeness(0.0, "different")


def _stem(trade: str) -> str:
    """`technologies`, `technology` and `tech` are one."""
    return trade[:_STEM] if trade.isascii() else trade


@lru_cache(maxsize=1 << 12)
def parts_of(core: str) -> Parts:
    """Take a `company_core` apart. The brand is what is neither place nor trade, and never nothing."""
    head, _, branch = core.partition(_BRANCH)
    places = frozenset(found[1] for found in _PLACE.finditer(head))
    rest = _PLACE.sub("", head)
    trades = frozenset(_stem(trade) for trade in _TRADE.findall(rest))
    brand = _TRADE.sub("", rest)
    if len(brand) < _SHORTEST:
        brand = rest if len(rest) >= _SHORTEST else head
    return Parts(places, brand, trades, branch, rest)


def likeness(one: str, other: str) -> Likeness:
    """Of two cores; the same whichever comes first."""
    if one == other:
        return Likeness(1.0, "same_name")
    a, b = parts_of(one), parts_of(other)
    if a.branch != b.branch:
        return NONE
    against = _apart(a.places, b.places) * 0.35 + _apart(a.trades, b.trades) * 0.35
    if a.brand == b.brand:
        lacking = 0.05 * (bool(a.places) != bool(b.places)) + 0.1 * (bool(a.trades) != bool(b.trades))
        return Likeness(max(0.0, 0.97 - against - lacking), "same_brand")
    if _is_cut(a, b) or _is_cut(b, a) or _is_slip(a, b):
        return Likeness(max(0.0, 0.85 - _apart(a.places, b.places) * 0.35), "alike_trade")
    alike = _alike(a.brand, b.brand)
    agreeing = 0.5 * (a.places == b.places) + 0.5 * (a.trades == b.trades)
    return Likeness(max(0.0, alike * (0.7 + 0.3 * agreeing) - against), "alike_brand")


def _is_cut(whole: Parts, cut: Parts) -> bool:
    """Whether the one's trade is only begun in the other: `…供应`, `… Elec.`."""
    left = cut.brand.removeprefix(whole.brand)
    begun = len(left) >= _SHORTEST and left != cut.brand
    return begun and any(trade.startswith(_stem(left)) for trade in whole.trades)


def _is_slip(one: Parts, other: Parts) -> bool:
    """Whether they are the same but for a slip within the trade, so that it was not known for one."""
    shorter, longer = sorted((one.brand, other.brand), key=len)
    in_trade = one.trades != other.trades and len(shorter) >= _SHORTEST and longer.startswith(shorter)
    return in_trade and _changes(one.rest, other.rest) <= 1


def _apart(one: frozenset[str], other: frozenset[str]) -> float:
    """How far two sets contradict each other: one that is empty, or within the other, does not."""
    if not one or not other or one <= other or other <= one:
        return 0.0
    return 1.0 - len(one & other) / min(len(one), len(other))


def _alike(one: str, other: str) -> float:
    """Of two brands: how much of the longer one stays when the fewest characters are changed."""
    longest = max(len(one), len(other))
    return 1.0 - _changes(one, other) / longest


def _changes(one: str, other: str) -> int:
    """Characters that are put in, left out, replaced, or changed with their neighbour."""
    rows = [list(range(len(other) + 1))]
    for i, left in enumerate(one, 1):
        row = [i]
        for j, right in enumerate(other, 1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (left != right))
            if i > 1 and j > 1 and left == other[j - 2] and one[i - 2] == right:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]
