"""De-identification of a table that is exported: pseudonyms, date shift, generalisation, scrubbed texts.

``docs/deidentify.md`` says what each step does and what it does not protect.
"""
