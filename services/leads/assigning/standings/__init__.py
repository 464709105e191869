"""What reps have reached of each metric, month by month: shares of leads may follow it.

Owns `rep_reaches`; publishes nothing.
Consumes `rep_measured` of `cox.scoring`.
"""
