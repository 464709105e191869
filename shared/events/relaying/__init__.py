"""From the journal to Kafka: one leader per database, what it checks before it publishes, and how Kafka's
topics are made anew from the journal.
"""
