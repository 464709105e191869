"""What becomes due: timers are rows, and the worker that finds one due does what its kind says, once."""
