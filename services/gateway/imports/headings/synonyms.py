"""What columns are usually called: by shape and field, the plainest first. Compared when folded."""

from __future__ import annotations

from collections.abc import Mapping

from services.gateway.imports.headings.folding import folded


def _listed(words: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in words.split("/") if word.strip())


_PERSON = _listed(
    """
    name / 姓名 / 联系人 / 联系人姓名 / 客户姓名 / 线索名称 / 线索 / 称呼 / contact /
    contact name / contact person / full name / lead / lead name / person
    """
)
_CUSTOMER = _listed(
    """
    客户名称 / 客户 / 客户名 / customer / customer name / client / client name / account name /
    account
    """
)
_COMPANY = _listed(
    """
    company / 公司 / 公司名称 / 公司名 / 企业 / 企业名称 / 单位 / 单位名称 / 客户公司 / 公司全称 /
    机构名称 / company name / organization / organisation / business name / employer / firm
    """
)
_PHONE = _listed(
    """
    phone / 手机 / 手机号 / 手机号码 / 移动电话 / 联系电话 / 电话 / 电话号码 / 联系方式 / 座机 /
    固定电话 / 固话 / 联系手机 / 客户电话 / 客户手机 / 联系人手机 / 联系人电话 / 办公电话 /
    mobile / mobile phone / mobile number / cell / cell phone / cellphone / tel / telephone /
    tel no / phone number / phone no / contact number / contact phone / work phone /
    business phone
    """
)
_EMAIL = _listed(
    """
    email / e-mail / mail / 邮箱 / 电子邮箱 / 邮件 / 电子邮件 / 邮箱地址 / 联系邮箱 /
    email address / e-mail address / mail address
    """
)
_CREDIT_CODE = _listed(
    """
    credit code / 统一社会信用代码 / 社会信用代码 / 信用代码 / 统一信用代码 / 税号 /
    纳税人识别号 / uscc / uscc code / unified social credit code / tax id / tax number
    """
)
_OWNER = _listed(
    """
    owner / 负责人 / 销售 / 销售员 / 销售人员 / 销售代表 / 业务员 / 跟进人 / 归属人 / 所属销售 /
    所有人 / 客户经理 / 负责销售 / 线索负责人 / 商机负责人 / 客户负责人 / 负责人主属 / sales /
    salesperson / sales person / sales rep / sales representative / sales agent / assigned to /
    account manager / account owner / lead owner / deal owner / responsible
    """
)
_SOURCE = _listed(
    """
    source / 来源 / 线索来源 / 客户来源 / 商机来源 / 信息来源 / 获客来源 / lead source / origin
    """
)
_CHANNEL = _listed(
    """
    channel / 渠道 / 来源渠道 / 推广渠道 / 获客渠道 / 渠道来源 / marketing channel /
    sales channel
    """
)
_CAMPAIGN = _listed(
    """
    campaign / 活动 / 市场活动 / 营销活动 / 推广活动 / 活动名称 / 市场活动名称 / campaign name /
    marketing campaign
    """
)
_REGION = _listed(
    """
    region / 地区 / 区域 / 省份 / 省 / 省市 / 所在地区 / 所在省份 / 所在地 / 大区 / 销售区域 /
    province / territory / area / state
    """
)
_PRODUCT = _listed(
    """
    product / 产品 / 产品名称 / 意向产品 / 商品 / 商品名称 / 项目 / 感兴趣产品 / 需求产品 /
    product name / interested product / item
    """
)
_VALUE = _listed(
    """
    value / 金额 / 预计金额 / 预估金额 / 商机金额 / 成交金额 / 合同金额 / 销售金额 /
    预计成交金额 / 预计销售金额 / 订单金额 / 意向金额 / 预算 / 预算金额 / 总金额 / amount /
    deal value / deal amount / expected amount / expected value / expected revenue /
    estimated value / budget / contract value / contract amount / close value / revenue
    """
)
_CURRENCY = _listed(
    """
    currency / 币种 / 货币 / 币别 / 货币单位 / currency code
    """
)
_TAGS = _listed(
    """
    tags / 标签 / 客户标签 / 线索标签 / tag / labels
    """
)
_ID = _listed(
    """
    id / 编号 / 线索编号 / 客户编号 / 商机编号 / 唯一编号 / 外部编号 / 订单编号 / 合同编号 /
    唯一标识 / 数据编号 / 记录编号 / external id / record id / lead id / deal id /
    opportunity id / reference / ref
    """
)
_CONSENT = _listed(
    """
    consent / 同意 / 是否同意 / 同意事项 / 同意用途 / 授权 / 是否授权 / 授权范围 / 授权用途 / 联系授权 /
    consents / consent given / consent purposes / opt in / opted in
    """
)
_CONSENT_HOW = _listed("consent how / 同意方式 / 授权方式 / consent method / consent channel / opt in method")
_CONSENT_AT = _listed(
    """
    consent at / 同意时间 / 同意日期 / 授权时间 / 授权日期 / consent date / consent time / opt in date /
    opt in time / consented at
    """
)
_CONSENT_EVIDENCE = _listed("consent evidence / 同意凭证 / 授权凭证 / consent proof / proof of consent")
_STAGE = _listed(
    """
    stage / 阶段 / 状态 / 销售阶段 / 商机阶段 / 当前阶段 / 跟进状态 / 客户状态 / 商机状态 /
    成交状态 / 赢单状态 / 进展 / deal stage / sales stage / pipeline stage / status /
    deal status
    """
)
_STARTED = _listed(
    """
    started / 创建时间 / 创建日期 / 建立时间 / 录入时间 / 录入日期 / 登记时间 / 登记日期 /
    开始时间 / 开始日期 / 线索时间 / 添加时间 / 新建时间 / created / created at / created on /
    create date / create time / creation date / date created / start date / engage date /
    open date / opened
    """
)
_CLOSED = _listed(
    """
    closed / 成交时间 / 成交日期 / 赢单时间 / 赢单日期 / 结束时间 / 结束日期 / 签约时间 /
    签约日期 / 签单时间 / 签单日期 / 关闭时间 / 关闭日期 / 结单时间 / 结单日期 / 完成时间 /
    实际成交时间 / 实际成交日期 / closed at / closed on / close date / closing date / won date /
    date closed / end date / actual close date
    """
)
_REASON = _listed(
    """
    reason / 输单原因 / 丢单原因 / 流失原因 / 失败原因 / 战败原因 / lost reason / loss reason
    """
)
_CREATOR = _listed(
    """
    creator / 创建人 / 录入人 / 添加人 / created by
    """
)

_REP = _listed(
    """
    rep / 姓名 / 员工 / 员工姓名 / 销售 / 销售员 / 业务员 / 销售代表 / 用户名 / name / full name /
    employee / employee name / sales rep / sales agent / salesperson
    """
)
_CODE = _listed("code / 工号 / 员工编号 / 员工工号 / employee id / employee number / employee no / staff id")
_TEAM = _listed("team / 团队 / 部门 / 小组 / 组别 / 所属部门 / 所属团队 / 销售团队 / department / sales team")
_MANAGER = _listed(
    "manager / 经理 / 主管 / 上级 / 直属上级 / 销售经理 / 直接主管 / supervisor / sales manager"
)
_OFFICE = _listed("region / 大区 / 区域 / 地区 / 分公司 / regional office / office / territory")
_WECOM = _listed("wecom id / 企业微信id / 企微id / external userid / external_userid")

_SHARED: dict[str, tuple[str, ...]] = {
    "name": _PERSON, "customer": _CUSTOMER, "company": _COMPANY, "phone": _PHONE, "email": _EMAIL,
    "credit_code": _CREDIT_CODE, "owner": _OWNER, "channel": _CHANNEL, "campaign": _CAMPAIGN,
    "region": _REGION, "product": _PRODUCT,
    "value": _VALUE, "currency": _CURRENCY, "tags": _TAGS,
}  # fmt: skip
_WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "leads": {
        **_SHARED, "source": _SOURCE, "external_id": _ID,
        "wecom_id": _WECOM, "consent": _CONSENT, "consent_how": _CONSENT_HOW, "consent_at": _CONSENT_AT,
        "consent_evidence": _CONSENT_EVIDENCE,
    },
    "deals": {
        **_SHARED, "origin": _SOURCE, "id": _ID, "stage": _STAGE, "started": _STARTED, "closed": _CLOSED,
        "reason": _REASON, "creator": _CREATOR,
    },
    "org": {
        "rep": _REP, "code": _CODE, "email": _EMAIL, "team": _TEAM, "manager": _MANAGER, "region": _OFFICE,
    },
}  # fmt: skip
JOINED = frozenset({"phone"})
"""Fields that several columns fill together: somebody has a mobile and a desk phone."""
YIELDING = frozenset({"campaign", "consent", "consent_how", "consent_at", "consent_evidence"})
"""Fields whose usual names a tenant may have given to a custom field of its own: that one is meant then."""
ADDED = "coxswain"
"""How the names of columns begin that we add to a file of rows to correct."""


def _by_name(shape: str) -> Mapping[str, tuple[str, int]]:
    found: dict[str, tuple[str, int]] = {}
    for field, words in _WORDS[shape].items():
        for rank, word in enumerate(words):
            found.setdefault(folded(word).name, (field, rank))
    return found


_KNOWN = {shape: _by_name(shape) for shape in _WORDS}


def meaning(shape: str, heading: str) -> tuple[str, int] | None:
    """The field that such a column holds, and how plain a name for it this is (0 the plainest)."""
    return _KNOWN.get(shape, {}).get(folded(heading).name)
