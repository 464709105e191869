"""Automation: when something happens to a lead that is as a rule demands, the rule acts.

Owns `automation_rules`, `automation_runs`; publishes AutomationRuleDefined, AutomationAlerted, and whatever
the use cases that it calls publish.
Consumes what happens to leads, and by way of `touches` what activities published.
"""
