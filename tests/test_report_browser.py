"""The report page as a reader meets it, in a real browser: pointer, keyboard, phone, darkness, hostile names, axe.

Skipped where Chromium and its driver are not installed (Debian: chromium, chromium-driver) or selenium is not there.
"""

import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from reported import HOSTILE, content_of, write_checkout

from repro.report import as_html

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
HAS_SELENIUM = importlib.util.find_spec("selenium") is not None
MISSING = [name for name, there in (("Chromium", CHROMIUM), ("chromedriver", DRIVER), ("selenium", HAS_SELENIUM))
           if not there]  # fmt: skip
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]
if HAS_SELENIUM:
    from selenium import webdriver
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync")  # fmt: skip
FIRST = "#paper1_table1-scores tbody:first-of-type tr"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a checkout with hostile names and two pictures."""
    root = write_checkout(tmp_path_factory.mktemp("checkout"))
    path = root / "page.html"
    path.write_text(as_html(content_of(root, pictures=True)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    """A browser with a profile of its own."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for each in (*QUIET, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(each)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=DRIVER))
    started.set_script_timeout(120)
    yield started
    started.quit()


@pytest.fixture
def browser(driver, page: Path) -> Iterator:
    """The page, just opened, as wide as a desk's screen and bright; nothing may have been said to the console."""
    see(driver)
    driver.get("about:blank")
    driver.get(page.as_uri())
    yield driver
    assert [each["message"] for each in driver.get_log("browser")] == []


def see(driver, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
    """Set the size of the screen, and day or night."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def find(browser, selector: str):
    return browser.find_element(By.CSS_SELECTOR, selector)


def every(browser, selector: str) -> list:
    return browser.find_elements(By.CSS_SELECTOR, selector)


def rows(browser) -> list[str]:
    """The names of the rows that the paper prints in its first table, as they are shown."""
    return [row.get_attribute("data-name") for row in every(browser, FIRST) if row.is_displayed()]


def press(element) -> None:
    """Press a button by the keyboard."""
    element.send_keys(Keys.ENTER)


DECLARED = ["FCN", "SegNet", "DeepLabv3+", "PSPNet", "ours"]


def test_a_column_is_sorted_down_then_up_then_as_declared_and_empty_cells_come_last(browser):
    button = find(browser, "#paper1_table1-scores button[aria-label='mIoU measured']")
    header = button.find_element(By.XPATH, "..")
    seen = []
    for _ in range(3):
        press(button)
        seen.append((header.get_attribute("aria-sort"), rows(browser)))
    assert seen == [
        ("descending", ["ours", "PSPNet", "FCN", "SegNet", "DeepLabv3+"]),  # 76.5, 74.2, 70.1, 50.1, not run
        ("ascending", ["SegNet", "FCN", "PSPNet", "ours", "DeepLabv3+"]),
        ("none", DECLARED),
    ]


def test_a_column_of_printed_numbers_and_one_of_names_are_sorted_too(browser):
    press(find(browser, "#paper1_table1-scores button[aria-label^='PA reported']"))
    assert rows(browser) == ["ours", "PSPNet", "DeepLabv3+", "SegNet", "FCN"]  # 95.3, 94.1, 93.7, 90.3, 89.1
    press(find(browser, "#paper1_table1-scores th.name button"))
    assert rows(browser) == sorted(DECLARED, key=str.lower)


def test_rows_are_filtered_by_name_and_by_verdict(browser):
    find(browser, "#paper1_table1 .filter").send_keys("net")
    assert rows(browser) == ["SegNet", "PSPNet"]
    assert find(browser, "#paper1_table1 .shown").text.endswith("of 10 rows")
    find(browser, "#paper1_table1 .filter").clear()
    find(browser, "#paper1_table1 .filter").send_keys(" ", Keys.BACKSPACE)
    assert rows(browser) == DECLARED
    find(browser, "#paper1_table1 .verdicts").send_keys("reproduced")
    assert rows(browser) == ["ours"]


def test_a_link_of_the_strip_shows_its_cell_though_it_was_filtered_away(browser):
    find(browser, "#paper1_table1 .filter").send_keys("nothing is called so")
    assert rows(browser) == []
    press(find(browser, "a.chip[href='#paper1_table1-1-0']"))  # SegNet, mIoU
    assert rows(browser) == DECLARED
    assert browser.switch_to.active_element.get_attribute("data-cell") == "paper1_table1-1-0"


def test_other_columns_and_the_cost_are_a_choice_away(browser):
    assert not find(browser, "#paper1_table1-0-4").is_displayed()  # boundary IoU: the paper has no such column
    choice = find(browser, "input[name='paper1_table1-view']")
    choice.send_keys(Keys.ARROW_RIGHT)
    assert find(browser, "#paper1_table1-0-4").is_displayed()
    browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert "parameters (M)" in find(browser, "#paper1_table1 .cost-view").text
    assert not find(browser, "#paper1_table1-scores").is_displayed()


def test_a_number_opens_its_evidence_by_the_keyboard_and_escape_goes_back_to_it(browser):
    press(find(browser, "[data-cell='paper1_table1-4-0']"))  # ours, mIoU
    dialog = find(browser, "dialog")
    text = dialog.text
    for said in ("ours, mIoU", "lies within 75.45 to 77.55", "./run_all.sh cityscapes --only paper1_table1/ours",
                 "fafb73a4e23f", "adamw", "train: 4 images of cityscapes", "torch 2.15.0", "unknown"):  # fmt: skip
        assert said in text, said
    assert len(every(browser, "dialog .seed")) == 3
    assert [each.text for each in every(browser, "dialog .bars .number")] == ["76.5", "76.5"]
    assert [each.text for each in every(browser, "dialog .confusion td")] == ["87", "13", "13", "87"]
    dialog.send_keys(Keys.ESCAPE)
    assert not dialog.is_displayed()
    assert browser.switch_to.active_element.get_attribute("data-cell") == "paper1_table1-4-0"


def test_a_cell_that_was_not_run_says_how_to_measure_it(browser):
    press(find(browser, "[data-cell='paper1_table1-2-0']"))
    assert "not run" in find(browser, "dialog").text
    assert find(browser, "dialog .command code").text == "./run_all.sh cityscapes --only paper1_table1/DeepLabv3+"


def test_a_hostile_class_name_is_read_and_never_run(browser):
    press(find(browser, "[data-cell='paper1_table1-4-0']"))
    assert find(browser, "dialog .bars li:nth-child(2) .class").text == HOSTILE
    assert every(browser, "dialog img") == []
    assert HOSTILE in find(browser, "#images .classes").get_attribute("textContent")
    assert browser.title == "The papers' own data: reported and measured"
    browser.execute_script("document.body.insertAdjacentHTML('beforeend', arguments[0])", HOSTILE)
    browser.execute_async_script("setTimeout(arguments[0], 200)")
    assert browser.title == "The papers' own data: reported and measured"  # its policy would not let it run either
    blocked = [each["message"] for each in browser.get_log("browser")]
    assert blocked and all("Content Security Policy" in each or "x" in each for each in blocked)


def test_curves_are_read_at_any_epoch_and_switched_off_and_on(browser):
    slider = find(browser, "#curves input[type=range]")
    ours = every(browser, "#curves .curve-key button")[3]
    assert "training 0.500 ± 0 · validation 1.10 ± 0" in ours.text
    slider.send_keys(Keys.HOME)
    assert "training 2.00 ± 0 · validation 1.50 ± 0" in ours.text
    drawn = len(every(browser, "#curves path[data-row='ours']"))
    press(ours)
    assert ours.get_attribute("aria-pressed") == "false"
    assert every(browser, "#curves path[data-row='ours']") == [] and drawn > 0
    press(ours)
    assert len(every(browser, "#curves path[data-row='ours']")) == drawn


def test_moving_over_a_panel_reads_the_curves_there(browser):
    panel = find(browser, "#curves figure svg")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", panel)
    actions = webdriver.ActionChains(browser)
    actions.move_to_element_with_offset(panel, -panel.size["width"] // 2 + 60, 0).perform()
    assert "training 2.00" in every(browser, "#curves .curve-key button")[3].text


def edge_of(browser) -> str:
    """Where the right picture begins."""
    script = "return getComputedStyle(arguments[0]).getPropertyValue('--edge')"
    return browser.execute_script(script, find(browser, "#images .stage"))


def pictures(browser) -> list[str]:
    """The left and the right picture, as they are called for those who do not see them."""
    return [each.get_attribute("alt") for each in every(browser, "#images .stage img")]


def test_the_slider_moves_the_edge_between_two_pictures(browser):
    slider = find(browser, "#images input[type=range]")
    assert pictures(browser) == ["first: image", "first: ours"]
    assert "Right: ours: mIoU 12.3 on this image" in find(browser, "#images .reading").text
    slider.send_keys(Keys.END)
    assert edge_of(browser) == "100%"
    slider.send_keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert edge_of(browser) == "98%"
    edge = browser.execute_script("return getComputedStyle(arguments[0]).clipPath", find(browser, "#images .over"))
    assert edge == "inset(0px 0px 0px 98%)"
    press(every(browser, "#images .thumbs button")[1])
    assert pictures(browser) == ["second: image", "second: label"]


def test_every_point_of_score_against_cost_can_be_reached_and_says_what_it_is(browser):
    points = every(browser, "#cost g[tabindex]")
    assert len(points) == 4
    every(browser, "#cost select")[-1].send_keys(Keys.TAB)
    said = find(browser, "#cost .reading").text
    assert "mIoU" in said and browser.switch_to.active_element.get_attribute("aria-label") == said
    webdriver.ActionChains(browser).move_to_element(points[-1]).perform()
    assert "GFLOP" in find(browser, "#cost .reading").text


def test_everything_that_can_be_pressed_is_reached_by_the_tabulator(browser):
    reached = set()
    body = find(browser, "body")
    for _ in range(60):
        body.send_keys(Keys.TAB) if not reached else browser.switch_to.active_element.send_keys(Keys.TAB)
        reached.add(browser.execute_script("const e = document.activeElement; return e.tagName + e.className"))
    assert {"Askip", "Astrip-name"} <= reached
    assert any(each.startswith("Achip") for each in reached)


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_nothing_is_wider_than_the_screen(browser, width: int):
    see(browser, width=width, height=844)
    html = find(browser, "html")
    assert browser.execute_script("return arguments[0].scrollWidth - arguments[0].clientWidth", html) == 0
    press(find(browser, "[data-cell='paper1_table1-4-0']"))
    dialog = find(browser, "dialog")
    assert browser.execute_script("return arguments[0].scrollWidth - arguments[0].clientWidth", dialog) == 0


def test_in_print_everything_folded_is_open_and_no_table_is_wider_than_the_sheet(browser):
    see(browser, width=700)
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert every(browser, "details:not([open])") == []
    widths = "return [...document.querySelectorAll('.scroll table')].map((each) => each.getBoundingClientRect().width)"
    assert 600 < max(browser.execute_script(widths)) <= 700
    browser.execute_script("dispatchEvent(new Event('afterprint'))")
    assert every(browser, "details[open]") == []


def luminance(colour: str) -> float:
    """How bright a colour "rgb(1, 2, 3)" is, from 0 to 255."""
    return sum(map(float, colour[colour.index("(") + 1 : -1].split(",")[:3])) / 3


def test_it_is_dark_where_the_reader_wants_it_dark(browser):
    def colours() -> tuple[float, float]:
        body = find(browser, "body")
        return luminance(body.value_of_css_property("background-color")), luminance(body.value_of_css_property("color"))

    assert colours()[0] > 200 > 80 > colours()[1]
    see(browser, dark=True)
    assert colours()[0] < 80 < 200 < colours()[1]


def axe_source() -> str:
    """The text of axe: `$AXE_MIN_JS`, else what the package axe-core-python carries."""
    named = os.environ.get("AXE_MIN_JS")
    spec = importlib.util.find_spec("axe_core_python")
    if not named and spec is None:
        pytest.skip("axe is not here: install axe-core-python, or name axe.min.js in $AXE_MIN_JS")
    path = Path(named) if named else Path(spec.submodule_search_locations[0]) / "axe.min.js"
    return path.read_text(encoding="utf-8")


def findings(browser) -> dict[str, list[str]]:
    """What axe finds that is serious or critical: rule -> the elements."""
    result = browser.execute_async_script("axe.run(document).then(arguments[0])")
    assert len(result["passes"]) > 20
    return {
        each["id"]: [" ".join(node["target"]) for node in each["nodes"][:5]]
        for each in result["violations"]
        if each["impact"] in ("serious", "critical")
    }


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (390, False), (390, True)])
def test_axe_finds_nothing_serious(browser, width: int, dark: bool):
    see(browser, width=width, dark=dark)
    browser.execute_script(axe_source())
    browser.execute_script("for (const each of document.querySelectorAll('details')) each.open = true;")
    assert findings(browser) == {}
    browser.execute_script("document.querySelector('[data-cell=\"paper1_table1-4-0\"]').click()")
    assert findings(browser) == {}
