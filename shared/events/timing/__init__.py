"""What becomes due: timers are rows, and the worker that finds one due records the event that says so."""
