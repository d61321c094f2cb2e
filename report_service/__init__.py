"""The report context: PDFs made from a lead, an assessment and a versioned template.

It owns the reports, the templates, the PDFs, and the captures of lineage until they are delivered.
"""
