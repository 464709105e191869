"""Label, value class, intent and score of leads: by rules, where nobody gave them by hand.

Owns `classification_rules`, `score_definitions`; publishes ClassificationRuleDefined and ScoreDefined.
Consumes what happens to leads and is done for them: a moment later each is judged anew.
"""
