"""What can be shown of reports long after they were made.

``reproduction`` makes a PDF again from what lineage keeps of it; ``coverage`` counts completed reports
against recorded lineages; ``environments`` keeps what environments consist of.
"""
