"""The page says that strangers look alike here, and which command helps, in both languages."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Begin
from tests.service.monitoring.doubt import report_fit
from tests.service.running import Service
from tests.waiting import wait_until

pytestmark = pytest.mark.browser


def test_the_page_warns_and_offers_the_step_in_both_languages(
    make_page_service: Callable[..., Service], visit: Begin
) -> None:
    service = make_page_service()
    service.drop("a.png", 1)
    wait_until(lambda: service.ask("a.png").status == 200, "it is read")
    report_fit(service)
    for locale, words, rates in (
        ("en-US", "Strangers look more alike here", "about 8.0 in 1,000"),
        ("zh-CN", "这里的陌生人比测量 0.2 时更相像", "约有 8.0 对"),
    ):
        found = visit(service, locale=locale)
        found.open("a.png")
        found.expect_count(1)
        notices = found.page.locator("#notices")
        expect(notices).to_contain_text(words)
        expect(notices).to_contain_text(rates)
        expect(notices.locator("code")).to_have_text("person-count calibrate --library --dry-run")
        found.settle()
