"""Both parties: certificates, pinned identity, addresses, and who answers there."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import streamlit as st

from privacy import audit, reach
from privacy.party import PartyConfig
from privacy.reach import Certificate, Reached
from ui import joint_desk
from ui.access import Person
from ui.text import text
from ui.widgets import joint_jobs, markup
from ui.widgets.markup import Markup, tag

STYLES = Path(__file__).with_name("joint.css")
SECONDS_KEPT = 20
WARNED_DAYS = 60


def use_styles() -> None:
    """Load the styles of this page."""
    st.html(STYLES)


def show_strip(config: PartyConfig, lang: str) -> None:
    """Over every view: who takes part and who answers."""
    own, peer = answers(config)
    address = f"{config.listen.host}:{config.listen.port}"
    cells = (
        _title("own", config.party, own, address, lang),
        _title("peer", config.peer.name, peer, config.peer.url, lang),
    )
    left, right = st.columns((8, 1), vertical_alignment="center")
    with left:
        markup.show(tag("div", *cells, style="j-strip"))
    right.button(text("joint_page.check_again", lang), key="joint_check_again", on_click=_asked.clear)


def show(person: Person, config: PartyConfig, lang: str) -> None:
    """The view of the two parties, beside each other."""
    own, peer = answers(config)
    markup.show(tag("div", _own(config, own, lang), _peer(config, peer, lang), style="j-parties"))
    markup.show(tag("div", text("joint_page.telephone", lang), style="d-note"))


def answers(config: PartyConfig) -> tuple[Reached, Reached]:
    """Who answers at our address and at the peer's; asked now and then."""
    return _asked(str(joint_desk.party_file()), config)


@st.cache_data(ttl=SECONDS_KEPT, show_spinner=False)
def _asked(file: str, _config: PartyConfig) -> tuple[Reached, Reached]:
    return reach.reach_own(_config), reach.reach_peer(_config)


def _own(config: PartyConfig, found: Reached, lang: str) -> Markup:
    own = reach.certificate(config.tls.certificate)
    rows = [
        ("node", f"{config.listen.host}:{config.listen.port}"),
        ("certificate", _key(own.sha256)),
        ("expires", _expiry(own, lang)),
        ("identity", _key(config.public_key.public_bytes_raw().hex())),
        ("approval", text(f"joint_page.approval_{config.approval}", lang)),
    ]
    return _card("own", config.party, found, rows, own, lang)


def _peer(config: PartyConfig, found: Reached, lang: str) -> Markup:
    peer = config.peer
    shown = found.certificate if found.answer == "answers" else None
    expiry = text("joint_page.expires_unknown", lang) if shown is None else _expiry(shown, lang)
    head = joint_jobs.peer_head(config)
    rows = [
        ("node", peer.url),
        ("certificate_pinned", _key(peer.certificate_sha256)),
        ("expires", expiry),
        ("identity_pinned", _key(peer.signing_public_key)),
        ("head_known", _head(head, lang)),
    ]
    return _card("peer", peer.name, found, rows, shown, lang)


def _card(
    side: str,
    name: str,
    found: Reached,
    rows: list[tuple[str, str]],
    certificate: Certificate | None,
    lang: str,
) -> Markup:
    title = _title(side, name, found, "", lang)
    facts = [tag("dt", text(f"joint_page.{key}", lang)) + tag("dd", value) for key, value in rows]
    parts = [title, tag("dl", *map(Markup, facts))]
    if found.answer != "answers":
        parts.append(tag("div", text(f"joint_page.{found.answer}_{side}_note", lang), style="d-small"))
    is_late = certificate is not None and _days(certificate) < WARNED_DAYS
    return tag(
        "div", *parts, style=f"j-party {side} {'warned' if is_late or found.answer == 'other' else ''}"
    )


def _title(side: str, name: str, found: Reached, address: str, lang: str) -> Markup:
    """The name of a party and who answers at its address."""
    look = "counted" if found.answer == "answers" else "changed"
    badge = tag("span", text(f"joint_page.{found.answer}_{side}", lang), style=f"d-badge {look}")
    parts = (name, tag("small", text(f"joint_page.{side}", lang)), badge, tag("small", address))
    return tag("div", *parts, style=f"j-name {side}")


def _key(sha256: str) -> Markup:
    return tag("span", sha256, style="j-key")


def _days(certificate: Certificate) -> int:
    return (certificate.expires - datetime.now(UTC)).days


def _expiry(certificate: Certificate, lang: str) -> str:
    day, days = f"{certificate.expires:%Y-%m-%d}", _days(certificate)
    if days < 0:
        return text("joint_page.expired_on", lang, day=day)
    return text("joint_page.expires_days", lang, day=day, days=f"{days:,}")


def _head(head: audit.TreeHead | None, lang: str) -> str:
    if head is None:
        return text("joint_page.no_head", lang)
    return text("joint_page.head_size", lang, size=f"{head.size:,}", time=joint_jobs.moment_of(head.time))
