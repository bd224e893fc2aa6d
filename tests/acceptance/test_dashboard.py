"""`producer dashboard` in a real browser, with real workers: what was done, what failed and why, and the metrics."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import LocalCluster, Program, wait_until
from tests.ports import free_port

PICTURES = os.environ.get("OSHIWAKE_PICTURES")
"""Where this test writes its screenshots, for docs/watching.md; nowhere by default."""


@dataclass(frozen=True)
class Page:
    """A running dashboard."""

    url: str
    login: str
    said: str
    pid: int

    def get(self, path: str, login: str | None = None) -> str:
        """A page, as that user."""
        token = base64.b64encode((login or self.login).encode()).decode()
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"Basic {token}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(answer.read().decode())

    def tasks(self) -> list[dict[str, Any]]:
        """What Flower knows."""
        return list(json.loads(self.get("api/tasks")).values())


@contextmanager
def _dashboard(farm: LocalCluster, state: Path) -> Iterator[Page]:
    port = free_port()
    farm.program.env["XDG_STATE_HOME"] = str(state)
    process = farm.program.start("dashboard", "--port", str(port), "--url-prefix", "flower")
    assert process.stderr is not None
    try:
        said = ""
        for line in process.stderr:
            said += line
            if line.startswith("login:"):
                break
        assert f"http://127.0.0.1:{port}/flower/" in said, said
        login = (state / "oshiwake" / "dashboard" / "login").read_text().strip()
        yield Page(f"http://127.0.0.1:{port}/flower/", login, said, process.pid)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def test_the_dashboard_shows_what_was_done_and_what_failed_and_remembers_it(farm: LocalCluster, tmp_path: Path) -> None:
    """A mount that is missing for a while: both stand on the tasks page, in words; a restart forgets nothing."""
    program, archive = farm.program, farm.program.collection.archive
    state = tmp_path / "state"
    with _dashboard(farm, state) as page:
        password = page.login.partition(":")[2]
        assert f"password {password}  (shown this once" in page.said
        assert oct((state / "oshiwake" / "dashboard" / "login").stat().st_mode)[-3:] == "600"
        assert not any(password.encode() in line for line in _command_lines())
        with pytest.raises(urllib.error.HTTPError, match="401"):
            page.get("tasks", login="oshiwake:wrong")

        run = program.sort("enqueue", "--no-worker-check", rc=0).stdout.strip()
        archive.rename(archive.with_name("away"))
        for queue in ("embed", "reduce"):
            farm.start_worker(queue, queue)
        wait_until(lambda: any(task["state"] == "FAILURE" for task in page.tasks()), "Flower shows a failure")
        archive.with_name("away").rename(archive)
        farm.finished()
        known = wait_until(lambda: (t := page.tasks()) and all(x["state"] != "STARTED" for x in t) and t, "all told")
        assert {task["state"] for task in known} == {"SUCCESS", "FAILURE"}
        _metrics_tell(page.get("metrics"))
    with _dashboard(farm, state) as page:
        assert password not in page.said and page.login.endswith(password)
        assert {task["uuid"] for task in page.tasks()} >= {task["uuid"] for task in known}
        _browse(page, run, archive)


def test_a_dashboard_that_is_killed_remembers_what_it_saved(farm: LocalCluster, tmp_path: Path) -> None:
    """SIGKILL costs what came since the last save; no run, no task that was saved, and it comes up again."""
    program, state = farm.program, tmp_path / "state"
    program.env["FLOWER_STATE_SAVE_INTERVAL"] = "1000"
    for queue in ("embed", "reduce"):
        farm.start_worker(queue, queue)
    with _dashboard(farm, state) as page:
        program.sort("enqueue", rc=0)
        farm.finished()
        known = wait_until(lambda: (t := page.tasks()) and all(x["state"] == "SUCCESS" for x in t) and t, "all told")
        told = time.time()
        wait_until(lambda: _saved_s(state) > told + 1, "it has saved since, from beginning to end")
        for pid in (*_flowers(program), page.pid):  # in this order: it would end well when its parent dies
            os.kill(pid, signal.SIGKILL)
    with _dashboard(farm, state) as page:
        assert {task["uuid"] for task in page.tasks()} == {task["uuid"] for task in known}


def _saved_s(state: Path) -> float:
    """When Flower saved what it knows; the system's database decides how the files are named."""
    files = (state / "oshiwake" / "dashboard").glob("flower-*")
    return min((file.stat().st_mtime for file in files if ".tmp" not in file.name), default=0.0)


def _flowers(program: Program) -> list[int]:
    """The processes that are Flower."""
    return [pid for pid in program.processes() if b"tasks.dashboard" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def _command_lines() -> Iterator[bytes]:
    """What `ps` shows."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield entry.read_bytes()
        except OSError:
            continue


def _metrics_tell(text: str) -> None:
    """Flower's endpoint shows our figures too."""
    figures = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if line[0] != "#"}
    assert figures["oshiwake_broker_up"] == 1
    assert figures['oshiwake_worker_up{queue="embed",worker="embed@test"}'] == 1
    assert figures['oshiwake_images_total{outcome="unreadable",worker="embed@test"}'] == 2
    assert figures['oshiwake_failures_total{task="embed",worker="embed@test"}'] >= 1
    assert figures['oshiwake_stage_seconds_total{stage="decode",worker="embed@test"}'] > 0
    assert figures['oshiwake_reductions_total{worker="reduce@test"}'] == 1
    assert figures['oshiwake_queue_messages{queue="embed"}'] == 0


def _browse(page: Page, run: str, archive: Path) -> None:
    """The tasks page in headless Chromium, whole and filtered by what failed."""
    chromium, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("no Chromium with chromedriver on this machine; the rest of this test has passed")
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService
    from selenium.webdriver.common.by import By

    options = ChromeOptions()
    options.binary_location = chromium
    for argument in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "window-size=1800,760"):
        options.add_argument(f"--{argument}")
    browser = Chrome(options, ChromeService(driver))

    def rows() -> list[str]:
        # In one go: the page replaces its rows every few seconds.
        script = "return [...document.querySelectorAll('#tasks-table tbody tr')].map(row => row.innerText)"
        found = browser.execute_script(script)
        return [line for line in (" ".join(text.split()) for text in found) if "oshiwake." in line]

    try:
        browser.get(page.url.replace("//", f"//{page.login}@", 1))
        browser.get(f"{page.url}tasks")
        done = re.compile(rf"oshiwake\.embed run {run} chunk \d+ SUCCESS \d+ images, \d+ embedded")
        wait_until(lambda: any(done.search(row) for row in rows()), "the tasks page shows a chunk that is done", 20)
        _picture(browser, "flower-tasks")
        browser.find_element(By.CSS_SELECTOR, "[data-task-state=FAILURE]").click()
        reason = f"FAILURE RootNotVisible: this machine does not see {archive}"
        wait_until(lambda: (found := rows()) and all(reason in row for row in found), "the failed tasks alone", 20)
        _picture(browser, "flower-failed")
        browser.get(f"{page.url}workers")
        wait_until(lambda: "embed@test" in browser.page_source, "the workers page names the worker", 20)
        _picture(browser, "flower-workers")
    finally:
        browser.quit()


def _picture(browser: Any, name: str) -> None:
    if PICTURES:
        browser.save_screenshot(str(Path(PICTURES) / f"{name}.png"))
