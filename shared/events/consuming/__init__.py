"""From Kafka to what a service makes of events: where to read, what to do with each, each once, in order.

What cannot be applied is parked or set aside; nothing is passed over.
"""
