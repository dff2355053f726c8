"""A local Slack, as strict as the real one: Web API, OAuth, signed events, and a page that shows what members see.

It stands on its own: of the product it knows only how the shared clock works (`rotavatar.clock`).
"""
