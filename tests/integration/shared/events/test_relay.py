"""From what is pending to Kafka: nothing skipped, one leader, nothing published from a journal that was
restored.
"""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from shared.events.consuming.consumer import Reaction
from shared.events.consuming.dead_letters import list_letters
from shared.events.hints import RECORDED, Ears, Hints, connector
from shared.events.kafka import Admin, TopicPartition
from shared.events.relaying import leader as leader_module
from shared.events.relaying.leader import Leadership, LeadershipLost
from shared.events.relaying.publishing import last_records
from shared.events.relaying.republish import order, request, status
from shared.events.topics import CONFIG, ensure_topics, partitions_of
from tests.integration.shared.events.conftest import SERVICE, STREAM, House, started
from tests.integration.shared.events.working import TIMEOUT_S, Notes, comes_true, eventually, working

NOTHING_PENDING = "select not exists (select from outbox_pending)"
# Of this database alone: relays of other tests lead on the same server.
LOCKS = """select pid from pg_locks where locktype = 'advisory' and objid = $1
    and database = (select oid from pg_database where datname = current_database())"""


async def published(house: House) -> list[tuple[str, int, bool]]:
    """(aggregate, seq, replay) of every record of the test's stream, partition by partition."""
    partitions = partitions_of((STREAM,), house.settings.topic_prefix)
    found = await last_records(house.settings.kafka_bootstrap, partitions, 10_000)
    return [
        ((record.key or b"").decode(), int(headers["ce_sequence"]), "ce_replay" in headers)
        for records in found.values()
        for record in reversed(records)
        for headers in (dict(record.headers),)
    ]


async def emptied(house: House) -> None:
    """Kafka loses everything of the test's topics, as when its disk is wiped."""
    async with Admin(house.settings.kafka_bootstrap) as admin:
        names = [name for name in await admin.topics() if name.startswith(house.settings.topic_prefix)]
        counts = {name: (await admin.topics())[name] for name in names}
        await admin.delete(names)

        async def gone() -> bool:
            return not set(names) & set(await admin.topics())

        await comes_true(gone)
        await admin.create(counts, CONFIG)
    await ensure_topics(house.settings.kafka_bootstrap, house.settings.topic_prefix, (STREAM,))


class TestPublishing:
    async def test_a_late_commit_is_published_when_later_ids_went_before(self, house: House) -> None:
        async with working(house):
            async with house.transaction() as tx:
                late = await house.create(tx, started())
                early = await house.created()
                await eventually(house, NOTHING_PENDING)
            await eventually(house, NOTHING_PENDING)

        ids = await house.rows("select aggregate_id from events order by id")
        assert ids == [(late,), (early,)]
        assert sorted(await published(house)) == sorted([(str(late), 1, False), (str(early), 1, False)])

    async def test_events_of_an_aggregate_stand_in_order_when_there_are_many(self, house: House) -> None:
        things = [await house.created() for _ in range(5)]
        await asyncio.gather(*(house.changed(thing) for thing in things for _ in range(20)))
        async with working(house):
            await eventually(house, NOTHING_PENDING)

        log = await published(house)
        for thing in things:
            assert [seq for key, seq, _ in log if key == str(thing)] == list(range(1, 22))

    async def test_the_effect_happens_once_when_the_relay_died_between_acknowledgement_and_delete(
        self, house: House
    ) -> None:
        notes = Notes("gateway.notes")
        async with working(house, notes.handlers):
            thing = await house.created()
            await notes.reaches(house, thing, 1)
            # As if the worker had been killed before the delete: the same events are pending again.
            await house.admin.execute("insert into outbox_pending select id from events")
            await eventually(house, NOTHING_PENDING)
            await house.changed(thing)
            await notes.reaches(house, thing, 2)

        assert [seq for _, seq, _ in await published(house)] == [1, 1, 2]
        assert await notes.of(house, thing) == [1, 2]
        assert await list_letters(house.admin) == []

    async def test_a_hint_is_one_notification_when_a_thousand_writes_ask_for_it(self, house: House) -> None:
        heard: list[str] = []
        await house.admin.add_listener(RECORDED, lambda *_: heard.append("hint"))
        hints = Hints(connector(house.settings, SERVICE), RECORDED)
        await hints.start()
        try:
            for _ in range(1000):
                hints.poke()
            async with asyncio.timeout(TIMEOUT_S):
                while not heard:
                    await house.value("select 1")
        finally:
            await hints.stop()
            await house.admin.reset()

        assert len(heard) == 1

    async def test_a_write_notifies_nobody_inside_its_transaction(self, house: House) -> None:
        heard: list[str] = []
        await house.admin.add_listener(RECORDED, lambda *_: heard.append("hint"))
        await house.created()
        await house.value("select 1")
        await house.admin.remove_listener(RECORDED, lambda *_: None)
        await house.admin.reset()

        assert heard == []

    async def test_ears_hear_again_when_their_connection_was_cut(self, house: House) -> None:
        heard = asyncio.Event()
        ears = Ears(connector(house.settings, SERVICE), RECORDED)
        ears.listen(RECORDED, heard)
        await ears.start()
        listening = (
            "select pid from pg_stat_activity where query like 'LISTEN%' and datname = current_database()"
        )
        try:
            first = await eventually(house, listening)
            await house.value("select pg_terminate_backend($1)", first)
            await eventually(house, f"{listening} and pid <> $1", first)
            async with asyncio.timeout(TIMEOUT_S):
                while not heard.is_set():
                    await house.admin.execute(f"notify {RECORDED}")
        finally:
            await ears.stop()


class TestLeadership:
    async def test_only_one_leads_when_two_workers_run(self, house: House) -> None:
        async with working(house) as one:
            assert one.relay.leading
            assert await Leadership.acquire(house.settings, SERVICE) is None

    async def test_who_waits_in_the_server_leads_when_the_leader_goes(self, house: House) -> None:
        former = await Leadership.acquire(house.settings, SERVICE)
        assert former is not None
        assert await Leadership.acquire(house.settings, SERVICE, wait_s=0.05) is None
        waiting = asyncio.create_task(Leadership.acquire(house.settings, SERVICE, wait_s=3600))
        await eventually(house, f"{LOCKS} and not granted", leader_module.LOCK)

        await former.release()
        async with asyncio.timeout(TIMEOUT_S):
            successor = await waiting

        assert successor is not None
        # It may wait for rows as long as any other leader.
        assert await successor.value("show lock_timeout") == "0"
        await successor.release()

    async def test_a_leader_that_is_stopped_loses_its_session(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # It pings no more, like a process that got SIGSTOP.
        monkeypatch.setattr(leader_module, "PING_S", 3600.0)
        stopped = await Leadership.acquire(house.settings, SERVICE)
        assert stopped is not None
        # Its own session's only, and the last thing it says: who takes its time to lead must not lose it.
        limit = await stopped.value("show idle_session_timeout")
        await stopped.fetch("set idle_session_timeout = '300ms'")
        successors: list[Leadership] = []

        async def succeeded() -> bool:
            found = await Leadership.acquire(house.settings, SERVICE)
            successors.extend([] if found is None else [found])
            return found is not None

        await comes_true(succeeded)

        with pytest.raises((LeadershipLost, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await stopped.fetch("select 1")
        assert stopped.lost
        assert limit == leader_module.IDLE_TIMEOUT
        await stopped.release()
        await successors[0].release()

    async def test_a_leader_keeps_its_session_when_it_pings(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # However long this machine may stand still.
        monkeypatch.setattr(leader_module, "IDLE_TIMEOUT", "10min")
        monkeypatch.setattr(leader_module, "PING_S", 0.1)
        leading = await Leadership.acquire(house.settings, SERVICE)
        assert leading is not None
        state = (
            "select count(*) from pg_stat_activity where query = 'select 1' and state = 'idle' and pid = $1"
        )
        pid = await leading.value("select pg_backend_pid()")
        await eventually(house, state.replace("count(*)", "count(*) > 0"), pid)

        assert await leading.value("select 2") == 2
        await leading.release()

    async def test_another_leads_when_the_leaders_session_ends(self, house: House) -> None:
        async with working(house) as one:
            lock = f"{LOCKS} and granted"
            holder = await house.value(lock, leader_module.LOCK)
            await house.value("select pg_terminate_backend($1)", holder)
            await eventually(house, f"{lock} and pid <> $2", leader_module.LOCK, holder)
            thing = await house.created()
            await eventually(house, NOTHING_PENDING)
            await comes_true(lambda: one.relay.leading)

        assert (str(thing), 1, False) in await published(house)


class TestTheLogsEnd:
    async def test_what_the_broker_lost_is_published_again_when_a_leader_starts(self, house: House) -> None:
        async with working(house):
            thing = await house.created()
            await eventually(house, NOTHING_PENDING)
        await emptied(house)
        assert await published(house) == []

        async with working(house):
            await house.changed(thing)
            await eventually(house, NOTHING_PENDING)

        assert await published(house) == [(str(thing), 1, False), (str(thing), 2, False)]

    async def test_everything_is_published_again_when_the_log_was_wiped_long_after(
        self, house: House
    ) -> None:
        notes = Notes("gateway.notes")
        async with working(house, notes.handlers):
            first = await house.created()
            await notes.reaches(house, first, 1)
        # So that it is this log that it lags behind.
        things = [await house.created() for _ in range(20)]
        async with working(house):
            await eventually(house, NOTHING_PENDING)
        # Too long ago for the window of what an unclean stop may lose.
        await house.admin.execute("update events set recorded_at = recorded_at - interval '10 minutes'")
        await emptied(house)
        assert await published(house) == []

        async with working(house, notes.handlers) as worker:
            late = await house.created()
            for each in (*things, late):
                await notes.reaches(house, each, 1)
            await comes_true(worker.ready)

        assert [await notes.of(house, each) for each in (first, *things, late)] == [[1]] * 22

    async def test_a_leader_notices_when_the_log_is_wiped_under_it(self, house: House) -> None:
        async with working(house) as worker:
            things = [await house.created() for _ in range(20)]
            await eventually(house, NOTHING_PENDING)
            await house.admin.execute("update events set recorded_at = recorded_at - interval '10 minutes'")
            await emptied(house)
            late = [await house.created() for _ in range(20)]
            await eventually(house, NOTHING_PENDING)
            await eventually(house, "select republish_state = 'done' from relay_state")
            await comes_true(worker.ready)

        assert {key for key, _, _ in await published(house)} == {str(each) for each in (*things, *late)}

    async def test_what_somebody_asked_for_stays_when_the_leader_orders_a_republish_too(
        self, house: House
    ) -> None:
        asked = await request(house.admin, new_epoch=True)
        leading = await Leadership.acquire(house.settings, SERVICE)
        assert leading is not None
        await order(leading)
        wanted = await house.rows("select republish_id, republish_new_epoch from relay_state")
        await house.admin.execute("update relay_state set republish_state = 'done'")
        await order(leading)
        await leading.release()

        assert wanted == [(asked, True)]
        assert await house.value(
            "select not republish_new_epoch from relay_state where republish_id <> $1", asked
        )

    async def test_no_republish_is_ordered_when_the_first_commit_was_a_late_one(self, house: House) -> None:
        async with working(house):
            async with house.transaction() as tx:
                await house.create(tx, started())
                for _ in range(20):
                    await house.created()
                await eventually(house, NOTHING_PENDING)
            await eventually(house, NOTHING_PENDING)
        async with working(house):
            await house.created()
            await eventually(house, NOTHING_PENDING)

        assert await house.value("select republish_id is null from relay_state")

    async def test_nothing_is_published_twice_when_the_log_is_whole(self, house: House) -> None:
        for _ in range(2):
            async with working(house):
                await house.created()
                await eventually(house, NOTHING_PENDING)

        assert len(await published(house)) == 2

    async def test_a_leader_is_not_ready_when_it_has_not_looked_at_the_logs_end(self, house: House) -> None:
        locking = house.admin.transaction()
        await locking.start()
        await house.admin.execute("lock table relay_state")
        async with working(house, ready=False) as worker:
            await comes_true(lambda: worker.relay.leading)
            [problem] = worker.problems()
            assert "has not compared the end of cox.org" in problem

            await locking.rollback()
            await comes_true(worker.ready)
            await house.created()
            await eventually(house, NOTHING_PENDING)

    async def test_a_follower_is_ready_when_another_leads(self, house: House) -> None:
        async with working(house), working(house, leading=False) as follower:
            assert not follower.relay.leading
            await house.created()
            await eventually(house, NOTHING_PENDING)

    async def test_the_leader_refuses_when_its_database_was_restored(self, house: House) -> None:
        notes = Notes("gateway.notes")
        async with working(house, notes.handlers):
            thing = await house.created()
            await notes.reaches(house, thing, 1)
            await house.changed(thing)
            await notes.reaches(house, thing, 2)
        # The state of before the second event, as a restored backup has it; then life goes on.
        await house.admin.execute("delete from events where seq = 2")
        await house.admin.execute("update things set seq = 1")
        await house.changed(thing, started(7))

        async with working(house, notes.handlers, ready=False) as worker:
            refusal = await eventually(house, "select refusal from relay_state")
            assert "cox events republish --new-epoch" in refusal
            assert refusal in worker.problems()
            assert [seq for _, seq, _ in await published(house)] == [1, 2]

            await request(house.admin, new_epoch=True)
            await eventually(house, "select epoch = 2 and republish_state = 'done' from relay_state")
            await eventually(house, "select exists (select from positions where epoch = 2 and seq = 2)")
            await eventually(house, "select refusal is null from relay_state")

        assert sorted(await published(house)) == [(str(thing), 1, True), (str(thing), 2, False)]
        assert (await status(house.admin)).epoch == 2

    async def test_the_leader_refuses_when_a_restored_database_forgot_an_epoch(self, house: House) -> None:
        notes, acts = Notes("gateway.notes"), Notes("gateway.acts", Reaction)
        async with working(house, notes.handlers, acts.handlers):
            thing = await house.created()
            await request(house.admin, new_epoch=True)
            await eventually(house, "select count(*) = 2 from positions where epoch = 2 and seq = 1")
        # The same backup once more: it is of before the new epoch, and lacks no event.
        await house.admin.execute("update relay_state set epoch = 1, republish_state = null")

        async with working(house, notes.handlers, acts.handlers, ready=False):
            refusal = await eventually(house, "select refusal from relay_state")
            assert "of epoch 2, while its own is 1" in refusal
            await house.changed(thing)
            await request(house.admin, new_epoch=True)
            await eventually(house, "select count(*) = 2 from positions where epoch = 3 and seq = 2")
            await eventually(house, "select refusal is null from relay_state")

        assert sorted(await published(house)) == [(str(thing), 1, True), (str(thing), 2, False)]

    async def test_consumers_are_not_left_behind_when_a_restored_database_is_republished_without_an_epoch(
        self, house: House
    ) -> None:
        notes = Notes("gateway.notes")
        async with working(house, notes.handlers):
            thing = await house.created()
            await request(house.admin, new_epoch=True)
            await eventually(house, "select count(*) = 1 from positions where epoch = 2 and seq = 1")
        await house.admin.execute("update relay_state set epoch = 1")
        await request(house.admin, new_epoch=False)

        async with working(house, notes.handlers, ready=False):
            await house.changed(thing)
            await eventually(house, "select count(*) = 1 from positions where epoch = 3 and seq = 2")


class TestTopics:
    async def test_they_are_kept_for_ever_and_compressed(self, house: House) -> None:
        await ensure_topics(house.settings.kafka_bootstrap, house.settings.topic_prefix, (STREAM,))

        assert len(partitions_of((STREAM,), "")) == 3
        assert TopicPartition("cox.gateway", 2) in partitions_of((STREAM,), "")
        assert (CONFIG["retention.ms"], CONFIG["compression.type"]) == ("-1", "zstd")
