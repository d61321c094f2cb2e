"""The library of templates: versions that admins create, publish and retire, beside those shipped.

``domain`` says what a version is, ``versions`` what is done with it, ``preview`` what it looks like and
``comparison`` in what two differ. ``shelf`` gives the rest of this context the bundles for its reports.
"""
