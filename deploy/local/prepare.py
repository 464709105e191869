"""What must be there before a service starts: both servers answering, databases, roles, tables, topics."""

from __future__ import annotations

import asyncio

from deploy.local.topology import SERVICES
from deploy.local.waiting import until_listening, until_postgres_answers
from shared.settings import Settings

_LIMIT_S = 120.0


def prepare(settings: Settings) -> None:
    """Runs in a process of its own with the services' environment; safe to run at every start.

    Raises what stands in the way, worded for the person at the terminal.
    """
    from shared.database import migrate
    from shared.events.topics import ensure_topics

    url = settings.postgres_url.get_secret_value()
    until_postgres_answers(url, _LIMIT_S)
    names = [settings.database_name(service) for service in SERVICES]
    asyncio.run(migrate.create_databases_and_roles(url, names, settings.role_password.get_secret_value()))
    for service in SERVICES:
        migrate.upgrade(url, service, settings.database_name(service))
    host, _, port = settings.kafka_bootstrap.split(",")[0].rpartition(":")
    until_listening(host, int(port), _LIMIT_S)
    asyncio.run(ensure_topics(settings.kafka_bootstrap, settings.topic_prefix))
