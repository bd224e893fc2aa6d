"""Settings: from the environment, typed, checked against each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.broker_address import safe_url
from tasks.devices import embed_processes, gpus, pin
from tasks.errors import BadSettings
from tasks.queue_names import QueueName
from tasks.redis_client import connect
from tasks.settings import Settings, read_settings
from tasks.worker_processes import plan_workers


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable with the prefix sets the value; an empty one counts as unset."""
    monkeypatch.setenv("OSHIWAKE_BATCH", "8")
    monkeypatch.setenv("OSHIWAKE_STORE", "/runs")
    monkeypatch.setenv("OSHIWAKE_MAX_PIXELS", "")
    settings = read_settings()
    assert (settings.batch, settings.store, settings.max_pixels) == (8, Path("/runs"), 200_000_000)


def test_celerys_own_variable_counts_where_ours_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """`CELERY_BROKER_URL` is what every Celery user knows; ours goes before it."""
    monkeypatch.delenv("OSHIWAKE_BROKER_URL", raising=False)
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://theirs/0")
    assert read_settings().broker_url == "redis://theirs/0"
    monkeypatch.setenv("OSHIWAKE_BROKER_URL", "redis://ours/0")
    assert read_settings().broker_url == "redis://ours/0"


def test_the_store_is_in_the_users_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """XDG_DATA_HOME is followed when it is absolute, as the specification says."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert read_settings().store == tmp_path / "oshiwake"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_settings().store == tmp_path / ".local" / "share" / "oshiwake"


@pytest.mark.parametrize(
    ("name", "value"),
    [("OSHIWAKE_BATCH", "-1"), ("OSHIWAKE_DEVICE", "tpu"), ("OSHIWAKE_VISIBILITY_S", "60"), ("OSHIWAKE_ROOTS", "/mnt")],
)
def test_a_setting_that_cannot_work_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A task must not outlast the time after which its message is delivered again."""
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings, match=r"OSHIWAKE_|visibility_s"):
        read_settings()


def test_roots_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """As pairs, the way lists are written in an environment."""
    monkeypatch.setenv("OSHIWAKE_ROOTS", "art=/mnt/art,sorted=/mnt/sorted")
    assert read_settings().roots == {"art": "/mnt/art", "sorted": "/mnt/sorted"}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:hush@host:6379/0", "redis://***@host:6379/0"),
        ("rediss://user:hush@host:6379/0?ssl_cert_reqs=required", "rediss://***@host:6379/0"),
        ("redis+socket:///run/broker.sock?password=hush", "redis+socket:///run/broker.sock"),
    ],
)
def test_no_password_is_shown(url: str, shown: str) -> None:
    """An address in a message has no secret in it."""
    assert safe_url(url) == shown


def test_an_address_of_another_kind_is_refused() -> None:
    """The line says which forms are known."""
    with pytest.raises(BadSettings, match="redis://"):
        connect("amqp://host")


def test_each_visible_gpu_gets_a_pinned_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """One process per GPU, pinned, named after it; one reducer without any."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,3")
    plans = plan_workers(Settings(), [QueueName.EMBED, QueueName.REDUCE])
    assert [(plan.name, plan.queue, plan.processes) for plan in plans] == [
        ("embed-cuda0", "embed", 1),
        ("embed-cuda3", "embed", 1),
        ("reduce", "reduce", 1),
    ]
    assert [plan.env.get("CUDA_VISIBLE_DEVICES") for plan in plans] == ["0", "3", None]
    assert pin(1, Settings()) == "cuda"
    assert gpus() == ["3"]


def test_several_processes_of_a_gpu_share_its_part_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them are pinned to it; together they decode in no more threads than one."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,3")
    monkeypatch.setattr("tasks.worker_processes.cores", lambda: 16)
    plans = plan_workers(Settings(), [QueueName.EMBED], processes=2)
    assert [(plan.processes, plan.env["CUDA_VISIBLE_DEVICES"]) for plan in plans] == [(2, "0"), (2, "3")]
    assert {plan.env["OSHIWAKE_DECODE_THREADS"] for plan in plans} == {"4"}


_UUID = "1c8a2f6e-51d7-5e0c-9d58-2f1c3a7f0b42"


@pytest.mark.parametrize(
    ("visible", "named"),
    [
        ([f"GPU-{_UUID}"], ["-GPU-1c8a2f6e"]),
        ([f"GPU-{_UUID}", "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"], ["-GPU-1c8a2f6e", "-GPU-8932f937"]),
        ([f"MIG-{_UUID}"], ["-MIG-1c8a2f6e"]),
        ([f"MIG-GPU-{_UUID}/1/0", f"MIG-GPU-{_UUID}/2/0"], ["-MIG-GPU-0", "-MIG-GPU-1"]),
        (["3", f"GPU-{_UUID}"], ["3", "-GPU-1c8a2f6e"]),
    ],
)
def test_a_gpu_known_by_its_uuid_has_a_short_name(
    monkeypatch: pytest.MonkeyPatch, visible: list[str], named: list[str]
) -> None:
    """Kubernetes and MIG give UUIDs; in Flower the first group is enough, and the worker is pinned by the whole."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", ",".join(visible))
    plans = plan_workers(Settings(device="cuda"), [QueueName.EMBED])
    assert [plan.name for plan in plans] == [f"embed-cuda{name}" for name in named]
    assert [plan.env["CUDA_VISIBLE_DEVICES"] for plan in plans] == visible
    for index, device in enumerate(visible):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", ",".join(visible))
        assert pin(index, Settings()) == "cuda"
        assert gpus() == [device]


@pytest.mark.parametrize(
    ("visible", "found"), [("0, 2", ["0", "2"]), ("1,-1,0", ["1"]), ("", []), ("-1", []), (" ", []), ("0,", ["0"])]
)
def test_the_gpus_that_cuda_sees_are_counted(monkeypatch: pytest.MonkeyPatch, visible: str, found: list[str]) -> None:
    """Those named before the first that is none."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpus() == found


def test_a_gpu_that_is_asked_for_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only who embeds needs it: a reducer starts without."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    settings = Settings(device="cuda")
    with pytest.raises(BadSettings, match="no NVIDIA GPU is visible"):
        plan_workers(settings, [QueueName.EMBED, QueueName.REDUCE])
    with pytest.raises(BadSettings, match="no NVIDIA GPU is visible"):
        pin(0, settings)
    assert [plan.name for plan in plan_workers(settings, [QueueName.REDUCE])] == [QueueName.REDUCE]


@pytest.mark.parametrize("visible", ["", "-1"])
def test_hidden_gpus_leave_the_cpu(monkeypatch: pytest.MonkeyPatch, visible: str) -> None:
    """Where no GPU is visible, one worker has a process per core."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    [plan] = plan_workers(Settings(), [QueueName.EMBED])
    assert (plan.name, plan.processes) == ("embed-cpu", embed_processes(Settings()))
    assert pin(0, Settings()) == "cpu"


def test_the_cpu_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """`device cpu` leaves the GPUs alone."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert pin(0, Settings(device="cpu")) == "cpu"
    assert [plan.name for plan in plan_workers(Settings(device="cpu"), [QueueName.EMBED])] == ["embed-cpu"]
