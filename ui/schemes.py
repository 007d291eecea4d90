"""The schemes that the pages offer: shipped ones, those imported into the installation's folder, DIP catalogues."""

from __future__ import annotations

from pathlib import Path

from drg.analytics.sources import is_dip
from drg.dip import catalogue as dip
from drg.dip import payment as dip_payment
from drg.scheme import library
from drg.scheme.pack import find_pack
from ui import home
from ui.text import text


def choices() -> dict[str, str]:
    """Id -> what the library takes for the scheme; the installation's own schemes first."""
    settings = home.installation()
    found = {id: str(folder) for id, folder in library.scheme_folders(settings.scheme_folder).items()}
    own = {Path(one).name: found.get(one, one) for one in settings.schemes if not is_dip(one)}
    return {**own, **found}


def with_catalogues() -> dict[str, str]:
    """As ``choices``, with the DIP catalogues; those of the installation first."""
    catalogues = {id: id for id in dip.shipped_ids()}
    own = {Path(one).name: one for one in home.installation().schemes if is_dip(one)}
    return {**own, **choices(), **catalogues}


def name(scheme: str, lang: str) -> str:
    """The name of what ``choices`` yields."""
    if is_dip(scheme):
        settings = dip.find_catalogue(scheme).settings
        return text("board.dip_name", lang, name=settings.name if lang == "zh" else settings.name_en)
    return library.scheme_name(Path(scheme), lang)


def contracts(scheme: str) -> list[str]:
    """The contracts that a scheme can be priced by, the installation's first."""
    if is_dip(scheme):
        return dip_payment.shipped_contracts()
    shipped = library.contracts_of(find_pack(scheme).id)
    own = home.installation().contract
    return (
        list(dict.fromkeys([own, *shipped])) if own and library.prices(own, find_pack(scheme).id) else shipped
    )
