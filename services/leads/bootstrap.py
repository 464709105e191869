"""All wiring of leads; tests come in by this door."""

from __future__ import annotations

from fastapi import FastAPI

from services.leads.assigning.assignment import api as assignment
from services.leads.assigning.assignment.reactions import assignment_reaction
from services.leads.assigning.handover import api as handover
from services.leads.assigning.handover.reactions import hand_over_by
from services.leads.assigning.hindsight import api as hindsight
from services.leads.assigning.reassignment import api as reassignment
from services.leads.assigning.reassignment.reactions import reassign_by
from services.leads.assigning.returns import api as returns
from services.leads.assigning.returns.reactions import remind_by
from services.leads.assigning.standings.reactions import standings_projection
from services.leads.capture.campaigns import api as campaigns
from services.leads.capture.custom_fields import api as custom_fields
from services.leads.capture.history_import import api as history_import
from services.leads.capture.intake import api as intake
from services.leads.capture.intake.use_cases import stages_in_use
from services.leads.capture.refitting import api as refitting
from services.leads.capture.refitting.reactions import refit_by
from services.leads.capture.row_import import api as row_import
from services.leads.deduplication.duplicates import api as duplicates
from services.leads.deduplication.duplicates.policy import tenants_that_merge
from services.leads.deduplication.likeness import api as likeness
from services.leads.deduplication.likeness.reactions import compare_after, compare_by
from services.leads.deduplication.merging import api as merging
from services.leads.deduplication.merging.arriving import merge_repeats
from services.leads.deduplication.relatives import api as relatives
from services.leads.finding.exports import api as exports
from services.leads.finding.exports.reactions import expire_by
from services.leads.finding.listing import api as listing
from services.leads.finding.views import api as views
from services.leads.follow_up.automation import api as automation
from services.leads.follow_up.automation.reactions import (
    automate_by,
    automation_reaction,
    keep_runs_purged,
    ring_by,
)
from services.leads.follow_up.first_response import api as first_response
from services.leads.follow_up.first_response.reactions import heed_by, respond_by
from services.leads.follow_up.first_response.starting import start_clocks
from services.leads.follow_up.pipelines import api as pipelines
from services.leads.follow_up.pipelines.reactions import pipelines_reaction
from services.leads.follow_up.progress import api as progress
from services.leads.follow_up.timeline import api as timeline
from services.leads.follow_up.touches.reactions import touches_projection
from services.leads.judging.classification import api as classification
from services.leads.judging.classification.reactions import count_by, judge_after, judge_by
from services.leads.judging.classification.use_cases import as_ruled
from services.leads.judging.qualification import api as qualification
from services.leads.judging.quality import api as quality
from services.leads.pools.curation import api as curation
from services.leads.pools.pool import api as pool
from services.leads.pools.pool.definitions import tenants_with_default_pool
from services.leads.pools.pool.use_cases import pool_unassigned
from services.leads.pools.recycling import api as recycling
from services.leads.pools.recycling.reactions import plan_by, recycling_timers
from services.leads.privacy.audit import api as audit
from services.leads.privacy.audit.use_cases import write_down
from services.leads.privacy.consents import api as consents
from services.leads.privacy.contact_reads import api as contact_reads
from services.leads.privacy.contact_reads.use_cases import keep_months_ahead, witness
from services.leads.privacy.do_not_contact import api as do_not_contact
from services.leads.privacy.do_not_contact.reactions import heed_by as wishes_by
from services.leads.privacy.do_not_contact.use_cases import heed_list
from services.leads.privacy.erasure import api as erasure
from services.leads.privacy.erasure.reactions import let_go_by
from services.leads.privacy.personal_data import api as personal_data
from services.leads.privacy.retention import api as retention
from services.leads.privacy.retention.reactions import retain_by
from services.leads.privacy.wishes.listing import tenants_with_list
from shared.access.projection import directory_projection
from shared.clock import Clock, SystemClock
from shared.events.appside import AppSide
from shared.events.consuming.handlers import Projection
from shared.events.worker import Worker
from shared.settings import Settings
from shared.web.app import make_app
from shared.web.context import Authenticate
from shared.web.idempotency import keep_purged

SERVICE = "leads"
ROUTERS = (
    # Before the routes of single leads: `quality` is no lead's id.
    quality.router,
    intake.router,
    listing.router,
    contact_reads.router,
    audit.leads_router,
    audit.router,
    erasure.router,
    personal_data.router,
    pool.leads_router,
    progress.router,
    assignment.leads_router,
    handover.leads_router,
    merging.router,
    relatives.router,
    likeness.leads_router,
    likeness.router,
    duplicates.router,
    handover.handovers_router,
    reassignment.router,
    returns.leads_router,
    returns.returns_router,
    timeline.router,
    consents.leads_router,
    consents.notices_router,
    do_not_contact.router,
    campaigns.router,
    exports.router,
    retention.router,
    hindsight.router,
    assignment.rules_router,
    pool.pools_router,
    curation.router,
    recycling.router,
    first_response.leads_router,
    first_response.rules_router,
    automation.leads_router,
    automation.rules_router,
    classification.leads_router,
    qualification.router,
    classification.rules_router,
    classification.score_router,
    views.router,
    custom_fields.router,
    refitting.router,
    pipelines.router,
    pipelines.patching(stages_in_use),
    history_import.router,
    row_import.router,
)


def projections(clock: Clock) -> tuple[Projection, ...]:
    """What both processes know: the worker builds these views, the app waits for them."""
    return (
        directory_projection(SERVICE),
        touches_projection(heed_by(clock), ring_by(clock), count_by(clock)),
        standings_projection(),
    )


def build_app(
    settings: Settings, *, clock: Clock | None = None, authenticate: Authenticate | None = None
) -> FastAPI:
    """The HTTP side. `authenticate` replaces the gateway's tokens, for tests."""
    side = AppSide(settings, SERVICE, projections(clock or SystemClock()), ledger=write_down)
    return make_app(
        settings,
        SERVICE,
        routers=ROUTERS,
        database=side.database,
        applied=side.applied,
        changes=side.changes,
        witness=witness,
        authenticate=authenticate,
        clock=clock,
        lifespans=[side.running],
    )


def build_worker(settings: Settings, *, clock: Clock | None = None) -> Worker:
    """The worker: the org's copy, activities, the default pipeline, assignment, and the relay of leads."""
    time = clock or SystemClock()
    own_leads = assignment_reaction(
        time,
        (merge_repeats, heed_list),
        as_ruled,
        pool_unassigned,
        tenants_that_merge,
        tenants_with_list,
        tenants_with_default_pool,
        changes_matter_to=tenants_with_list,
    )
    plan_by(own_leads, time, start_clocks)
    after_leads = automation_reaction(time, judge_after(time), compare_after(time))
    org = pipelines_reaction()
    timers = recycling_timers(time)
    respond_by(timers, time)
    automate_by(timers, time)
    judge_by(timers, time)
    compare_by(timers, time)
    hand_over_by(org, timers, time)
    reassign_by(timers, time)
    remind_by(timers, time)
    let_go_by(timers)
    expire_by(timers, time)
    retain_by(timers, time)
    wishes_by(own_leads, timers, time)
    refit_by(timers, time)
    return Worker(
        settings,
        SERVICE,
        consumers=(
            *projections(time),
            org,
            own_leads,
            after_leads,
        ),
        timers=timers,
        clock=time,
        ledger=write_down,
        extra=(keep_purged, keep_runs_purged, keep_months_ahead),
    )
