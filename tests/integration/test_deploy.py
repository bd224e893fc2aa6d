"""What stands under deploy/, the compose file and the image: well formed, of one mind, and without a secret."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tasks.queue_names import QueueName
from tasks.settings import Settings

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
MANIFESTS = [path for path in sorted(KUBERNETES.rglob("*.yaml")) if path.name != "kustomization.yaml"]
ENTRY = {"OSHIWAKE_" + name for name in ("PROCESSES", "WEIGHTS", "REFERENCES", "OUTPUT")}
"""What the command line reads beside the settings."""


def _compose() -> Any:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def _dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text()


def _documents() -> list[Any]:
    return [document for path in MANIFESTS for document in yaml.safe_load_all(path.read_text())]


def _of(kind: str) -> dict[str, Any]:
    return {one["metadata"]["name"]: one for one in _documents() if one["kind"] == kind}


def _pods() -> dict[str, Any]:
    """Pod templates by the name of what makes them."""
    made = [one for one in _documents() if "template" in one.get("spec", {})]
    return {one["metadata"].get("name", "producer"): one["spec"]["template"] for one in made}


def _settings() -> set[str]:
    return {f"OSHIWAKE_{name.upper()}" for name in Settings.model_fields} | ENTRY


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_manifests_are_what_kubernetes_takes(path: Path) -> None:
    """Each document has the schema of its kind, with no field too many; KEDA's own are checked below."""
    for document in yaml.safe_load_all(path.read_text()):
        if not document["apiVersion"].startswith("keda.sh/"):
            document["metadata"].setdefault("name", "made")
            kubernetes_validate.validate(document, "1.31", strict=True)


def test_kustomizations_name_every_manifest() -> None:
    """What is forgotten there is never applied; the secret is left out on purpose, and the job is no service."""
    base, keda = (yaml.safe_load((KUBERNETES / name / "kustomization.yaml").read_text()) for name in ("base", "keda"))
    named = {KUBERNETES / "base" / name for name in base["resources"]}
    named |= {KUBERNETES / "keda" / name for name in keda["resources"] if name.endswith(".yaml")}
    assert named == set(MANIFESTS) - {KUBERNETES / "secret.example.yaml", KUBERNETES / "producer.yaml"}


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kustomize_builds_both() -> None:
    """With its own tool; what KEDA counts is not fixed by the deployment beside it."""
    for name, fixed in (("base", True), ("keda", False)):
        built = subprocess.run(["kubectl", "kustomize", KUBERNETES / name], capture_output=True, text=True, check=True)
        documents = list(yaml.safe_load_all(built.stdout))
        embedding = [
            one for one in documents if one["metadata"]["name"].startswith("embed") and "template" in one["spec"]
        ]
        assert len(embedding) == 2 and all(("replicas" in one["spec"]) is fixed for one in embedding)
        assert all(one["metadata"].get("namespace") == "oshiwake" for one in documents if one["kind"] != "Namespace")
        pods = [one["spec"]["template"]["spec"] for one in documents if "template" in one.get("spec", {})]
        images = {container["image"] for pod in pods for container in pod["containers"]}
        assert images == {"oshiwake:0.1.0-cpu", "oshiwake:0.1.0-cuda", "redis:7-bookworm"}


def test_names_agree() -> None:
    """Selectors find their pods, and every claim, secret, setting and scaled deployment that is named exists."""
    labels = {name: template["metadata"]["labels"] for name, template in _pods().items()}
    for kind in ("Deployment", "StatefulSet"):
        for name, one in _of(kind).items():
            assert one["spec"]["selector"]["matchLabels"].items() <= labels[name].items()
    for one in _of("Service").values():
        assert any(one["spec"]["selector"].items() <= found.items() for found in labels.values())
    claims, secret = set(_of("PersistentVolumeClaim")), _of("Secret")["oshiwake"]["stringData"]
    for template in _pods().values():
        spec = template["spec"]
        volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
        assert {
            v["persistentVolumeClaim"]["claimName"] for v in volumes.values() if "persistentVolumeClaim" in v
        } <= claims
        for container in spec["containers"]:
            mounts = {mount["name"] for mount in container["volumeMounts"]}
            assert mounts == set(volumes) or (mounts == {"data"} and not volumes)
            refs = [entry["valueFrom"]["secretKeyRef"] for entry in container["env"] if "valueFrom" in entry]
            assert all(ref["name"] == "oshiwake" and ref["key"] in secret for ref in refs)
    for one in _of("ScaledObject").values():
        assert one["spec"]["scaleTargetRef"]["name"] in _of("Deployment")
        for trigger in one["spec"]["triggers"]:
            assert trigger["metadata"]["listName"] in {QueueName.EMBED.value, "oshiwake:embed:in-hand"}
            assert trigger["authenticationRef"]["name"] in _of("TriggerAuthentication")


def test_every_setting_is_known() -> None:
    """A variable that nobody reads is a mistake in spelling."""
    texts = [ROOT / "docker-compose.yml", ROOT / "Dockerfile", *MANIFESTS, *(ROOT / "deploy" / "systemd").iterdir()]
    used = {name for path in texts for name in re.findall(r"\bOSHIWAKE_[A-Z_]+\b", path.read_text())}
    assert used - {"OSHIWAKE_UID", "OSHIWAKE_GID"} <= _settings()


def test_the_example_names_what_the_compose_file_reads() -> None:
    """Every variable, and no other; with the same default."""
    read = dict(re.findall(r"\$\{(\w+)(?::-([^}]*))?", (ROOT / "docker-compose.yml").read_text()))
    named = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert set(named) == set(read) | {"COMPOSE_PROFILES"}
    assert {name: named[name] for name, default in read.items() if default and name in named} == {
        name: default for name, default in read.items() if default and name in named
    }


def test_no_secret_stands_anywhere() -> None:
    """Passwords are empty in every file that git keeps, and `.env` is none of them."""
    assert re.findall(r"^\w*PASSWORD=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE) == ["", ""]
    assert ".env" in (ROOT / ".gitignore").read_text().split()
    assert _of("Secret")["oshiwake"]["stringData"] == {"REDIS_PASSWORD": "", "FLOWER_BASIC_AUTH": "oshiwake:"}
    for template in _pods().values():
        for entry in (entry for container in template["spec"]["containers"] for entry in container["env"]):
            secret = any(word in entry["name"] for word in ("PASSWORD", "AUTH", "BROKER_URL"))
            assert not secret or "valueFrom" in entry or "$(REDIS_PASSWORD)" in entry["value"]


def test_no_secret_stands_in_a_command_line(tmp_path: Path) -> None:
    """`ps` shows it to everybody; Redis is given its password by standard input, and by its own entry point."""
    services, pods = _compose()["services"], _pods()
    commands = [service.get("command", []) for service in services.values()]
    commands += [container["args"] for pod in pods.values() for container in pod["spec"]["containers"]]
    assert not any("PASSWORD" in word for command in commands for word in command)
    [container] = pods["redis"]["spec"]["containers"]
    for name, script in (("docker-entrypoint.sh", 'exec "$@"'), ("redis-server", 'echo "$0 $*"; cat')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "REDISCLI_AUTH": "hush"}
    said = subprocess.run(container["args"], env=env, capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == [
        f"{tmp_path}/redis-server -",
        "requirepass hush",
        "maxmemory-policy noeviction",
        "appendonly yes",
    ]


def test_compose_and_kubernetes_are_of_one_mind() -> None:
    """The same image, the same commands, and time to stop that is longer than a worker's grace."""
    services, pods = _compose()["services"], _pods()
    pairs = {"embed": "embed-cpu", "embed-gpu": "embed-gpu", "reduce": "reduce", "flower": "flower", "redis": "redis"}
    grace_s = int(Settings.model_fields["grace_s"].default)
    for service, pod in pairs.items():
        [container] = pods[pod]["spec"]["containers"]
        command = [word.replace("$$", "$") for word in services[service]["command"]]
        assert container["args"] == command
        if "worker" in command:
            assert services[service]["stop_grace_period"] == "${STOP_GRACE_PERIOD:-330s}"
            assert services[service]["healthcheck"]["test"][1:] == container["readinessProbe"]["exec"]["command"]
            assert grace_s + 15 < pods[pod]["spec"]["terminationGracePeriodSeconds"] == 330
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for name, service in services.items():
        device = "cuda" if name == "embed-gpu" else "cpu"
        assert name == "redis" or service["image"] == f"oshiwake:{version}-{device}"
        assert name == "redis" or service["build"]["args"]["DEVICE"] == device
    assert pods["producer"]["spec"]["containers"][0]["image"] == f"oshiwake:{version}-cpu"


def test_containers_may_little() -> None:
    """No root, no capability, nothing to write to but volumes; originals are only read; Redis is not published."""
    for template in _pods().values():
        assert template["spec"]["securityContext"]["runAsNonRoot"] is True
        for container in template["spec"]["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert all(m.get("readOnly") for m in container["volumeMounts"] if m["name"] in ("archive", "references"))
    services = _compose()["services"]
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published == {
        "flower": ["127.0.0.1:${FLOWER_PORT:-5555}:5555"],
        "metrics": ["127.0.0.1:${METRICS_PORT:-9540}:9540"],
    }
    for service in (one for name, one in services.items() if name != "redis"):
        assert service["read_only"] and service["cap_drop"] == ["ALL"] and service["user"]
        for volume in service["volumes"]:
            assert volume.endswith(":ro") or not volume.endswith(("archive", "references"))
    assert "\nUSER oshiwake\n" in (ROOT / "Dockerfile").read_text()


def test_the_image_holds_all_packages() -> None:
    """What the wheel is made of is not left out of the build."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packages = {pattern.removesuffix("*") for pattern in build["packages"]["find"]["include"]}
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert kept == {*packages, "pyproject.toml", "setup.py", "README.md", "LICENSE"}


def test_the_base_of_the_image_is_one_that_does_not_change() -> None:
    """A tag is moved to another image; a digest is not."""
    assert re.search(r"^ARG BASE=python:3\.11-slim-bookworm@sha256:[0-9a-f]{64}$", _dockerfile(), re.MULTILINE)


@pytest.mark.parametrize(("device", "extras"), [("cpu", ["s3"]), ("cuda", ["s3", "gpu"])])
def test_the_image_for_gpus_alone_holds_torch(device: str, extras: list[str]) -> None:
    """The list that the image installs is the core's with these extras."""
    [program] = re.findall(r'python -c "(.*?)" ', _dockerfile().replace("\\\n", ""), re.DOTALL)
    command = [sys.executable, "-c", program.replace("${DEVICE}", device)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    more = [name for extra in extras for name in project["optional-dependencies"][extra]]
    assert said == [*project["dependencies"], *more]
    assert any(name.startswith("torch>") for name in said) is (device == "cuda")


def test_the_wheel_holds_all_that_is_no_program() -> None:
    """Weights, recipes and rules lie in folders that are no packages, where setuptools does not look by itself."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packages = [ROOT / pattern.removesuffix("*") for pattern in build["packages"]["find"]["include"]]
    data = {
        path
        for package in packages
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    patterns = build["package-data"]
    taken = {path for package in packages for pattern in patterns["*"] for path in package.rglob(pattern)}
    taken |= {path for pattern in patterns["model"] for path in (ROOT / "model").glob(pattern)}
    assert {path for path in data - taken if path.suffix not in (".py", ".c", ".so")} == set()


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_are_what_systemd_takes(path: Path, tmp_path: Path) -> None:
    """They start a command that there is, and give it longer to stop than its grace; systemd's own tool agrees."""
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment]
    unit.read_string(path.read_text())
    program, command, *options = unit["Service"]["ExecStart"].split()
    assert program == "/opt/oshiwake/bin/producer" and command in ("worker", "dashboard")
    assert not options or (options[0] == "--queues" and options[1] in set(QueueName))
    assert command != "worker" or int(unit["Service"]["TimeoutStopSec"]) > Settings.model_fields["grace_s"].default + 15
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed; all but its own check is done")
    copy = tmp_path / path.name.replace("@", "@0")
    copy.write_text(path.read_text().replace(program, "/bin/true"))
    verify = ["systemd-analyze", "verify", "--man=no", str(copy)]
    result = subprocess.run(verify, capture_output=True, text=True, check=False)
    assert result.returncode == 0 and path.stem.split("@")[0] not in result.stderr, result.stderr
