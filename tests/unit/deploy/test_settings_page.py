"""`docs/settings.md` is what the code says."""

from __future__ import annotations

from deploy.cli.settings_page import PAGE, every_setting, page


class TestPage:
    def test_is_current_when_compared_with_the_code(self) -> None:
        assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m deploy.cli.settings_page"

    def test_describes_every_setting_once(self) -> None:
        names = [setting.variable for setting in every_setting()]
        assert len(names) == len(set(names))
        assert [setting.variable for setting in every_setting() if not setting.description] == []

    def test_shows_no_secret_as_a_default(self) -> None:
        assert "development-only" not in page()
