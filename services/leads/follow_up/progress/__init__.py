"""How far a lead has come: moves, won, lost, reopened, with the time spent in each stage.

Owns `stage_history`; publishes StageChanged.
Consumes nothing itself; a stage's demanded activities are looked up in `touches`.
"""
