"""The queue: the one Celery application, its messages, its policies.

`celery -A tasks worker -Q embed`, `celery -A tasks worker -Q reduce` and `celery -A tasks flower` find `app` here.
"""

from typing import Any

__all__ = ["app"]


def __getattr__(name: str) -> Any:
    # Lazily: the command line reads settings and counters without waiting for Celery to load.
    if name == "app":
        from tasks.celery_app import app

        return app
    raise AttributeError(name)
