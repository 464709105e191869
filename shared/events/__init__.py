"""The event backbone: journal, relay, consumer, positions, parking, dead letters, epochs, timers.

Owns the backbone's tables in each service's database; publishes what `record_events` stored to the service's
topic; consumes any topic for the projections and reactions that a service declares. `docs/` tells how they
fit together.
"""
