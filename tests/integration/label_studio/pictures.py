"""Pictures of Label Studio's pages. Run by the environment that `server.programs` makes; it has Playwright.

python pictures.py URL USER PASSWORD PROJECT TAB TASK FOLDER
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
SIZE = {"width": 1280, "height": 800}
SCROLL = 960
"""Down to where the abstained tasks end and the predicted ones begin."""


def main(url: str, user: str, password: str, project: str, tab: str, task: str, folder: Path) -> None:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        sys.exit("no Chromium found; install it for the pictures (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=list(FLAGS))
        page = browser.new_page(viewport=SIZE)
        # nothing but Label Studio itself is asked for
        page.route("**/*", lambda route: route.continue_() if route.request.url.startswith(url) else route.abort())
        _log_in(page, url, user, password)
        _picture(page, f"{url}/projects/{project}/data?tab={tab}", folder / "label-studio-tasks.png", scroll=SCROLL)
        _picture(page, f"{url}/projects/{project}/data?tab={tab}&task={task}", folder / "label-studio-task.png")
        _picture(page, f"{url}/projects/{project}/settings/ml", folder / "label-studio-model.png")
        browser.close()


def _log_in(page: Page, url: str, user: str, password: str) -> None:
    page.goto(f"{url}/user/login/")
    page.fill("input[name=email]", user)
    page.fill("input[name=password]", password)
    page.click("button[type=submit]")
    page.wait_for_load_state("load")


def _picture(page: Page, address: str, target: Path, scroll: int = 0) -> None:
    page.goto(address)
    page.wait_for_timeout(6000)
    if scroll:
        page.mouse.move(SIZE["width"] / 2, SIZE["height"] / 2)
        page.mouse.wheel(0, scroll)
        page.wait_for_timeout(2000)
    page.screenshot(path=target)
    print(target)


if __name__ == "__main__":
    main(*sys.argv[1:7], Path(sys.argv[7]))
