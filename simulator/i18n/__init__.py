"""Every text that a person reads goes through here: English is the source, the others are gettext catalogues.

What is shown at once is asked for with `gettext`; what is kept (a result, an error, a table) holds a `Text`, which
becomes words where and when somebody reads it.
"""

from simulator.i18n.catalogues import (
    DOMAIN,
    LANGUAGES,
    catalogue_path,
    choose,
    gettext,
    language,
    ngettext,
    pgettext,
    speaking,
    use,
)
from simulator.i18n.text import N_, NOTHING, Text, Value

__all__ = [
    "DOMAIN",
    "LANGUAGES",
    "NOTHING",
    "N_",
    "Text",
    "Value",
    "catalogue_path",
    "choose",
    "gettext",
    "language",
    "ngettext",
    "pgettext",
    "speaking",
    "use",
]
