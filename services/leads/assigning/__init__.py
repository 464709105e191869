"""Who works on a lead: by rules, in turns, by load and by what reps reach; and how leads change hands later,
when somebody leaves, many are reassigned, or one is returned as invalid.
"""
