"""`reid weights fetch` and `list` against a server that speaks the hub's protocol, and fails in its ways."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from onnx import numpy_helper

from model.hub.catalogue import catalogue
from model.network.weights_file import load_tensors, read_info
from model.onnx.declaration import Declaration
from tests.hub_server import Hub, hub_server
from tests.onnx_files import detector, embedder, metric

FOLDER = "ccip-caformer-24-randaug-pruned"
BOXES = np.array([[16, 16, 8, 8, 0.9], *[[32, 8 * n + 4, 4, 4, 0.1] for n in range(7)]])


@dataclass
class Person:
    """Somebody at a terminal, with a home of their own.

    Attributes:
        home: Cache and data lie there.
        hub: The server that HF_ENDPOINT names.
    """

    home: Path
    hub: Hub

    def __call__(self, *words: str, rc: int = 0, **environment: str) -> str:
        """Run `reid weights`; return what it printed."""
        own = {
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "XDG_DATA_HOME": str(self.home / "data"),
            "HF_ENDPOINT": self.hub.address,
            "HF_HOME": str(self.home / "hf"),
        }
        command = [sys.executable, "-m", "model", "weights", *words]
        env = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        done = subprocess.run(
            command, env=env | own | environment, capture_output=True, text=True, timeout=200, check=False, input=""
        )
        assert done.returncode == rc, done.stdout + done.stderr
        return done.stdout + done.stderr

    @property
    def weights(self) -> Path:
        """What is made of CCIP."""
        return self.home / "cache" / "oshiwake" / "weights" / "ccip.weights"


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    """Somebody, and a hub with CCIP and a detector of their shapes."""
    with hub_server() as hub:
        network = embedder(size=384)
        noise = np.random.default_rng(0).integers(0, 256, 22_000_000, np.uint8)
        network.graph.initializer.append(numpy_helper.from_array(noise, "noise"))  # larger than the client's pieces
        hub.put("deepghs/ccip_onnx", f"{FOLDER}/model_feat.onnx", network.SerializeToString())
        hub.put("deepghs/ccip_onnx", f"{FOLDER}/model_metrics.onnx", metric("half-cosine").SerializeToString())
        hub.put("deepghs/ccip_onnx", f"{FOLDER}/metrics.json", b'{"f1": 0.9, "threshold": 0.1785}')
        heads = detector(BOXES).SerializeToString()
        hub.put("deepghs/anime_head_detection", "head_detect_v2.0_s/model.onnx", heads)
        yield Person(tmp_path, hub)


def test_a_proxy_that_cuts(person: Person) -> None:
    """What has come stays; a later call goes on from there, and the weights are those of the whole file."""
    person.hub.cut = 1_000
    text = person("fetch", "ccip", "--yes", rc=2)
    assert "cannot fetch" in text and "goes on from there" in text and not person.weights.exists()
    person.hub.cut = 1
    person.hub.requests.clear()
    text = person("fetch", "ccip", "--yes")
    assert (
        "OpenRAIL" in text
        and "deepghs/ccip_onnx" in text
        and "published threshold: 0.1785" in text
        and "distances: as the formula says" in text
    )
    asked = [wanted for method, path, wanted in person.hub.requests if method == "GET" and "feat" in path]
    assert len(asked) == 2 and all(int(wanted.removeprefix("bytes=")[:-1]) >= 10_000_000 for wanted in asked)
    info = read_info(person.weights)
    assert info.threshold == pytest.approx(0.357) and info.preprocessing.version == "v2-stretch-384"
    assert not (person.home / "cache" / "oshiwake" / "downloads" / "ccip").exists()
    person.hub.requests.clear()
    assert "there already" in person("fetch", "ccip", "--yes") and person.hub.requests == []
    listed = {row["name"]: row["file"] for row in json.loads(person("list", "--json"))}
    assert listed["ccip"] == str(person.weights) and listed["heads"] is None
    assert "threshold 0.1785" in person("show", "ccip")


def test_another_file_than_the_first_time_is_refused(person: Person) -> None:
    """Also after the cache is emptied, and until the person accepts the change; a spoilt copy is fetched again."""
    person("fetch", "ccip", "--yes")
    first = read_info(person.weights).digest
    person.weights.write_bytes(person.weights.read_bytes()[:-100] + bytes(100))
    assert "is there already" not in person("fetch", "ccip", "--yes")
    assert load_tensors(person.weights)[1].digest == first
    person.weights.unlink()
    assert "reid weights fetch ccip" in person("show", "ccip", rc=2)
    person.hub.put("deepghs/ccip_onnx", f"{FOLDER}/model_feat.onnx", embedder(size=384, bias=0.1).SerializeToString())
    text = person("fetch", "ccip", "--yes", rc=2)
    assert "its sha256 is" in text and "--accept-change" in text and not person.weights.exists()
    person("fetch", "ccip", "--yes", "--accept-change")
    assert read_info(person.weights).digest != first


def test_nothing_is_fetched_without_an_agreement(person: Person) -> None:
    """The licence is shown first; nobody who could be asked is a no."""
    text = person("fetch", "heads", rc=1)
    assert "MIT" in text and "Do you agree" in text and person.hub.requests == []
    assert "use it by --heads heads" in person("fetch", "heads", "--yes")
    assert "not weights of this program" in person("show", "heads", rc=2)


@pytest.mark.parametrize("case", ["no network", "offline", "not there", "unknown", "no figures", "hostile"])
def test_what_cannot_be_fetched_is_said_in_a_line(person: Person, case: str) -> None:
    """With the address that was asked."""
    name, environment, words = "ccip", {}, "cannot fetch"
    if case == "no network":
        environment = {"HF_ENDPOINT": "http://127.0.0.1:9"}
    elif case == "offline":
        environment, words = {"HF_HUB_OFFLINE": "1"}, "offline mode"
    elif case == "not there":
        person.hub.files.clear()
    elif case == "unknown":
        name, words = "../ccip", "no network is known as"
    elif case == "no figures":
        person.hub.put("deepghs/ccip_onnx", f"{FOLDER}/metrics.json", b'{"threshold": "1e9"}')
        words = "tell no threshold"
    else:
        person.hub.put("deepghs/ccip_onnx", f"{FOLDER}/model_feat.onnx", b"\x08\x09 no network")
        words = "not ONNX"
    last = person("fetch", name, "--yes", rc=2, **environment).splitlines()[-1]
    assert last.startswith("reid: ") and words in last
    assert not person.weights.exists() and not (person.home / "data" / "oshiwake" / "fetched.json").exists()


def test_the_catalogue_is_well_formed() -> None:
    """Each network has a declaration that is one, or the limits of a detector."""
    for entry in catalogue().values():
        assert entry.licence and entry.about and all(part not in ("", "..") for part in entry.file.split("/"))
        assert bool(entry.form) != bool(entry.limits)
        Declaration(**entry.form)
