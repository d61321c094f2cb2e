"""The lead context: who might buy an audit, and what is publicly known about their domain.

It owns leads and the facts that enrichment learns about them, in a database of its own. `serve`
answers the RPCs of `leadfactory.lead.v1`; `work` looks leads up, and is the only process of the
product that speaks to strangers' hosts: all of it through the one door in `egress`.
"""
