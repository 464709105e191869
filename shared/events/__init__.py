"""The event backbone. Here: what every part of it shares, and what apps use (journal, positions, waiting).

`relaying` carries the journal to Kafka, `consuming` brings what is there to the projections and reactions
that a service declares, `timing` records what becomes due. It owns its tables in each service's database.
"""
