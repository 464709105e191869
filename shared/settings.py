"""What can be set, by environment (prefix `COX_`) or `.env`; `docs/settings.md` is made from here."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "COX_"


class SettingsError(Exception):
    """A setting is wrong; the message names it and says what would be right, never its value if secret."""


def _timezone(name: str) -> str:
    if name not in available_timezones():
        near = difflib.get_close_matches(name, available_timezones(), n=1)
        hint = f"; did you mean {near[0]}?" if near else ", such as Asia/Shanghai"
        raise ValueError(f"not an IANA time zone{hint}")
    return name


def _currency(code: str) -> str:
    # Here and not above: the table of currencies is read only by who needs it.
    from shared.money import CURRENCIES

    if code not in CURRENCIES:
        raise ValueError("not a currency code of ISO 4217, such as CNY or USD")
    return code


def _postgres_url(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("postgresql://", "postgres://")):
        raise ValueError("must look like postgresql://user:password@host:5432/postgres")
    return url


def _key(text: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[0-9A-Fa-f]{64}", text.get_secret_value()):
        raise ValueError("must be 64 hexadecimal digits, as `openssl rand -hex 32` makes them")
    return text


def _origin(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    return url.rstrip("/")


Origin = Annotated[str, AfterValidator(_origin)]
NamePart = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,20}$")]


class Settings(BaseSettings):
    """Settings of every process. A service with more of its own subclasses this in its `settings.py`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
        hide_input_in_errors=True,
        validate_default=False,
    )

    home: Path = Field(
        default=Path(".cox"), description="Folder of the local stack's state: data, logs, keys, pids."
    )
    host: str = Field(
        default="127.0.0.1", description="Address that the gateway listens on; 0.0.0.0 for every interface."
    )
    port: int = Field(default=8080, ge=1, le=65535, description="Port of the gateway.")
    internal_port: int = Field(
        default=9100,
        ge=1,
        le=65535,
        description="Port of /healthz, /readyz and /metrics of a process run on its own, as in containers; "
        "`cox up` chooses these ports itself.",
    )
    public_url: Origin = Field(
        default="http://127.0.0.1:8080",
        description="Address under which users reach the gateway; the issuer of its tokens.",
    )

    postgres_url: Annotated[SecretStr, AfterValidator(_postgres_url)] = Field(
        default=SecretStr("postgresql://postgres@127.0.0.1:5432/postgres"),
        description="PostgreSQL 18 server, as a user who may create databases and roles. "
        "Set for `cox up`, this server is used instead of the embedded one.",
    )
    role_password: SecretStr = Field(
        default=SecretStr("cox"),
        description="Password of the database roles cox_app and cox_worker; set on the server at each start.",
    )
    database_prefix: NamePart = Field(
        default="cox_",
        description="Start of the names of the four databases: cox_gateway, cox_leads, cox_activities, "
        "cox_scoring.",
    )
    kafka_bootstrap: str = Field(
        default="127.0.0.1:9092",
        description="Kafka brokers, host:port, comma-separated. Set for `cox up`, these are used "
        "instead of the embedded one.",
    )
    topic_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,40}$")] = Field(
        default="",
        description="Put before every Kafka topic's name, for several installations on one cluster.",
    )

    gateway_internal_url: Origin = Field(
        default="http://127.0.0.1:8081",
        description="Internal address of the gateway: its public keys, for the services only.",
    )
    service_leads_url: Origin = Field(
        default="http://127.0.0.1:8101", description="Address of the leads service, for the gateway."
    )
    service_activities_url: Origin = Field(
        default="http://127.0.0.1:8102", description="Address of the activities service, for the gateway."
    )
    service_scoring_url: Origin = Field(
        default="http://127.0.0.1:8103", description="Address of the scoring service, for the gateway."
    )

    signing_key_file: Path | None = Field(
        default=None,
        description="PEM file of the Ed25519 key with which the gateway signs tokens; unset: "
        "one in COX_HOME, made at the first start.",
    )
    cursor_secret: SecretStr = Field(
        default=SecretStr("development-only-cursor-secret"),
        min_length=16,
        description="Authenticates list cursors; the same for all processes of a service.",
    )
    position_secret: SecretStr = Field(
        default=SecretStr("development-only-position-secret"),
        min_length=16,
        description="Authenticates Cox-Position tokens; the same for all services.",
    )

    audit_key: Annotated[SecretStr, AfterValidator(_key)] | None = Field(
        default=None,
        description="Key of 32 bytes in hex, as of `openssl rand -hex 32`, that the keys of persons are "
        "kept under, which their history is encrypted with; the same for all processes, and kept as long as "
        "the data. Unset: they stand in the database of leads as they are.",
    )

    tenant_name: str = Field(default="default", min_length=1, description="Name of the first tenant.")
    tenant_timezone: Annotated[str, AfterValidator(_timezone)] = Field(
        default="UTC", description="IANA time zone of the first tenant, such as Asia/Shanghai."
    )
    tenant_currency: Annotated[str, AfterValidator(_currency)] = Field(
        default="USD", description="ISO 4217 currency of the first tenant, such as CNY."
    )
    admin_email: str = Field(
        default="admin@example.com",
        pattern=r"^[^@\s]+@[^@\s]+$",
        max_length=254,
        description="Sign-in of the first tenant's admin: an e-mail address.",
    )
    admin_password: SecretStr | None = Field(
        default=None,
        description="Password of the first tenant's admin; unset: generated and printed once.",
    )

    rate_limit_per_s: int = Field(
        default=600, ge=1, description="Requests per second and principal that the gateway lets through."
    )
    rate_limit_burst: int = Field(
        default=1200, ge=1, description="Requests that a principal may send at once after a pause."
    )
    valkey_url: SecretStr | None = Field(
        default=None,
        description="Valkey or Redis that several gateways share their limits in; unset: in memory.",
    )
    pool_size: int = Field(default=10, ge=2, le=200, description="Database connections of one process.")

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level that is logged."
    )
    log_format: Literal["json", "console"] = Field(
        default="json", description="One JSON object per line, or coloured text for reading."
    )
    otlp_endpoint: Origin | None = Field(
        default=None,
        description="OpenTelemetry collector (OTLP over HTTP), such as http://127.0.0.1:4318; unset: no "
        "spans are made, trace ids still travel.",
    )
    trace_ratio: float = Field(
        default=1.0, ge=0, le=1, description="Part of the traces begun here that is recorded, 0 to 1."
    )

    @classmethod
    def load(cls, **overrides: object) -> Self:
        """Read the environment. Raises SettingsError naming every wrong setting, never its value."""
        return load(cls, **overrides)

    @property
    def master_key(self) -> bytes | None:
        """The 32 bytes of `audit_key`."""
        return None if self.audit_key is None else bytes.fromhex(self.audit_key.get_secret_value())

    def database_name(self, service: str) -> str:
        """The name of a service's database, e.g. `cox_leads`."""
        return f"{self.database_prefix}{service}"


S = TypeVar("S", bound=Settings)


def load(kind: type[S], **overrides: object) -> S:
    """Settings of a class from environment and `.env`; `overrides` win. Raises SettingsError."""
    try:
        return kind(**overrides)  # type: ignore[arg-type]  # pydantic checks what is given
    except ValidationError as error:
        lines = [
            f"{PREFIX}{'_'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        ]
        raise SettingsError("\n".join(lines)) from None


def variables(kind: type[Settings]) -> list[str]:
    """The names of the environment variables that a settings class reads."""
    return [f"{PREFIX}{name.upper()}" for name in kind.model_fields]


def strangers(environ: Mapping[str, str], known: Iterable[str]) -> list[str]:
    """One sentence for each `COX_` variable that nothing reads, with the nearest name that something does."""
    names = sorted(set(known))
    said = []
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            said.append(f"{name} is not a setting" + (f"; did you mean {near[0]}?" if near else ""))
    return said
