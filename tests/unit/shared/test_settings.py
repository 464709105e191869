"""Settings: read from the environment, clear about what is wrong, silent about secrets."""

from __future__ import annotations

import pytest

from shared.settings import Settings, SettingsError, strangers, variables


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.chdir(str(tmp_path))
    for name in variables(Settings):
        monkeypatch.delenv(name, raising=False)


class TestLoad:
    def test_reads_the_environment_when_prefixed_names_are_set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COX_PORT", "9000")
        monkeypatch.setenv("COX_TENANT_TIMEZONE", "Asia/Shanghai")
        settings = Settings.load()
        assert (settings.port, settings.tenant_timezone) == (9000, "Asia/Shanghai")

    @pytest.mark.parametrize(
        ("name", "value", "said"),
        [
            ("COX_PORT", "99999", "65535"),
            ("COX_PORT", "eighty", "integer"),
            ("COX_TENANT_TIMEZONE", "Asia/Shanhai", "Asia/Shanghai"),
            ("COX_TENANT_CURRENCY", "RMB", "ISO 4217"),
            ("COX_DATABASE_PREFIX", 'x"; drop', "pattern"),
            ("COX_SERVICE_LEADS_URL", "localhost:8101", "http://"),
            ("COX_POSITION_SECRET", "short", "16"),
            ("COX_ADMIN_EMAIL", "nomail", "@"),
        ],
    )
    def test_names_the_setting_when_its_value_is_wrong(
        self, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
    ) -> None:
        monkeypatch.setenv(name, value)
        with pytest.raises(SettingsError) as refused:
            Settings.load()
        assert str(refused.value).startswith(f"{name}: ")
        assert said in str(refused.value)

    def test_keeps_the_value_to_itself_when_a_secret_is_wrong(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COX_POSTGRES_URL", "mysql://root:hunter2@db")
        with pytest.raises(SettingsError) as refused:
            Settings.load()
        assert "postgresql://" in str(refused.value)
        assert "hunter2" not in str(refused.value)

    def test_names_all_of_them_when_several_are_wrong(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COX_PORT", "0")
        monkeypatch.setenv("COX_LOG_LEVEL", "loud")
        with pytest.raises(SettingsError) as refused:
            Settings.load()
        assert [line.partition(":")[0] for line in str(refused.value).splitlines()] == [
            "COX_PORT",
            "COX_LOG_LEVEL",
        ]

    def test_takes_the_default_when_a_variable_is_empty(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COX_PORT", "")
        assert Settings.load().port == 8080


class TestDescriptions:
    def test_every_setting_says_what_it_is_when_documented(self) -> None:
        assert [name for name, field in Settings.model_fields.items() if not field.description] == []


class TestStrangers:
    def test_names_the_nearest_setting_when_one_is_misspelt(self) -> None:
        said = strangers({"COX_PROT": "1", "PATH": "/bin", "COX_PORT": "1"}, variables(Settings))
        assert said == ["COX_PROT is not a setting; did you mean COX_PORT?"]
