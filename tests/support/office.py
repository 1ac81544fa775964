"""A PBX as an office has it: a real Asterisk with one trunk, one phone and our dialplan."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from tests.support.asterisk import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.asterisk import Asterisk
    from tests.support.sip import Carrier, Phone, Ring

# What a site has in its own extensions.conf, beside what it includes: globals of its own before
# and after, the way of an inbound call, and the same way without us to compare with.
EXTENSIONS = """
[general]
static=yes

[globals]
SITE_BEFORE=kept

#include "centralino.conf"
#include "centralino-route.conf"
#include "centralino-oml.conf"

[globals]
SITE_AFTER=kept
CENTRALINO_QUEUES=site-phones
CENTRALINO_EXTENSIONS=site-phones
CENTRALINO_OUTSIDE=site-phones

[from-carrier]
exten => _[+0-9].,1,Gosub(centralino-lookup,s,1(${EXTEN},milan))
 same => n,Goto(ring,s,1)

; twice, and then a request of the site's own on the same channel
exten => 800222,1,Gosub(centralino-lookup,s,1(${EXTEN}))
 same => n,Gosub(centralino-lookup,s,1(${EXTEN}))
 same => n,Set(other=${CURL(${CENTRALINO_URL}/somewhere/else)})
 same => n,Goto(ring,s,1)

; without us
exten => 800333,1,Goto(ring,s,1)

; what FreePBX's CID Lookup generates for the fields in integrations/freepbx.md
exten => 800444,1,Set(CURLOPT(httptimeout)=7)
 same => n,Set(CALLERID(name)=${STRREPLACE(CALLERID(name), ,%20)})
 same => n,Set(CALLERID(name)=${STRREPLACE(CALLERID(name),",",%2C)})
 same => n,Set(CALLERID(name)=${CURL(http://centralino:${CENTRALINO_KEY}@${FREEPBX_HOST}/v1/lookup?number=${STRREPLACE(CALLERID(num),"+",%2B)}&name=${CALLERID(name)}&call_id=${UNIQUEID})})
 same => n,Goto(ring,s,1)

; what integrations/freepbx.md tells to put into extensions_custom.conf, without its first line
exten => 800555,1,Goto(from-trunk-centralino,${EXTEN},1)
exten => 800666,1,Goto(from-trunk-centralino,s,1)

; a line on which the number comes as one that the network can't vouch for
exten => 800777,1,Set(CALLERID(num-pres)=unavailable)
 same => n,Gosub(centralino-lookup,s,1(${EXTEN}))
 same => n,Goto(ring,s,1)

; what FreePBX's inbound route does to a withheld number, behind us
exten => 800888,1,Gosub(centralino-lookup,s,1(${EXTEN}))
 same => n,Set(CALLERID(name-pres)=allowed_not_screened)
 same => n,Set(CALLERID(num-pres)=allowed_not_screened)
 same => n,Goto(ring,s,1)

; asks where the call should go
exten => 800999,1,Gosub(centralino-route,s,1(${EXTEN},milan))
 same => n,Goto(centralino-go,s,1)

; OMniLeads' identification node as its dialplan has it (omlacd, sub-oml-module-custmer-id), with
; Asterisk's own JSON_DECODE in the place of its JSONELEMENT: the code was typed and confirmed, the
; answer decides. 800331 is "external interaction type 1", 800332 is type 2.
exten => _80033[12],1,Set(CURLOPT(conntimeout)=10)
 same => n,Set(CURLOPT(httptimeout)=10)
 same => n,Set(CURLOPT(dnstimeout)=10)
 same => n,Set(CURLOPT(ssl_verifypeer)=0)
 same => n,Set(CURLOPT(useragent)=OMniLeads)
 same => n,Set(CRMRESULT=${CURL(${OML_URL},idContact=${OML_CODE})})
 same => n,Set(CRMSTATUS=${JSON_DECODE(CRMRESULT,status)})
 same => n,Set(CRMCHOICE=${JSON_DECODE(CRMRESULT,destination)})
 same => n,GotoIf($["${CRMSTATUS}" != "ok"]?notcorrect)
 same => n,GotoIf($["${EXTEN}" = "800332"]?type2)
 same => n,GotoIf($["${CRMCHOICE}" != "true"]?notcorrect)
 same => n,Goto(site-phones,correct,1)
 same => n(type2),GotoIf($["${CRMCHOICE}" = ""]?notcorrect)
 same => n,Gosub(oml-dst-switch,s,1(${CRMCHOICE}))
 same => n(notcorrect),Goto(site-phones,notcorrect,1)

; what a custom destination of OMniLeads leads to
exten => 800441,1,Goto(centralino-oml,s,1)

; one phone for all that is dialled here: what it was called as tells where the call went
[site-phones]
exten => _[+0-9a-z].,1,Dial(PJSIP/phone/sip:${EXTEN}@${PHONE},10)
 same => n,Hangup(17)

; a caller of our own, who types digits once the call is answered
[caller]
exten => s,1,Set(CALLERID(all)=${CALLER})
 same => n,Dial(PJSIP/${CALLED}@loop,20,D(${TYPED}))
 same => n,Hangup()
exten => idle,1,Answer()
 same => n,Wait(20)

[oml-dst-switch]
exten => s,1,Goto(site-phones,type${ARG1}id${ARG2},1)

[sub-oml-dst-switch]
exten => s,1,Goto(site-phones,type${ARG1}id${ARG2},1)

[from-trunk]
exten => _[+0-9s].,1,Goto(ring,s,1)
exten => s,1,Goto(ring,s,1)

[ring]
exten => s,1,Dial(PJSIP/phone,10)
 same => n,Hangup(17)
"""
WITHOUT_US = "800333"
TWICE = "800222"
FREEPBX = "800444"
FREEPBX_TRUNK = "800555"
FREEPBX_TRUNK_WITHOUT_DID = "800666"
UNAVAILABLE = "800777"
FREEPBX_ROUTE = "800888"
ROUTED = "800999"
OML_TYPE_1 = "800331"
OML_TYPE_2 = "800332"
OML_CUSTOM = "800441"
DID = "+390299887766"


class Shown(NamedTuple):
    """What the phone showed of a call.

    Attributes:
        name: the caller's name.
        number: the caller's number.
        after_ms: how long after the carrier's INVITE the phone rang.
        called: which extension or queue it was that rang.
    """

    name: str
    number: str
    after_ms: int
    called: str = ""


class Office:
    """A PBX with one phone and one trunk."""

    def __init__(self, asterisk: Asterisk, phone: Phone, carrier: Carrier) -> None:
        self.asterisk = asterisk
        self.phone = phone
        self._carrier = carrier

    def call(
        self, number: str, name: str = "", did: str = DID, headers: Sequence[str] = ()
    ) -> Shown:
        """Call the office and return what its phone showed."""
        called_at = self._carrier.call(number, name, did, headers)
        ring = self.phone.ring()
        return _shown(ring, called_at)

    def call_and_type(self, number: str, typed: str, did: str = ROUTED) -> Shown:
        """Call as somebody who types digits once the call is answered; `w` waits half a second.

        The caller is a leg of the PBX's own, so that it has real DTMF to send.
        """
        self.asterisk.set_globals(CALLER=number, CALLED=did, TYPED=typed, PHONE=self.phone.address)
        called_at = time.monotonic()
        self.asterisk.cli("channel originate Local/s@caller/n extension idle@caller")
        return _shown(self.phone.ring(), called_at)

    def ask_at(self, url: str, *, key: str = "acme.0123456789abcdefghijkl") -> None:
        """Have the dialplan ask at this service, with the patience that an office has."""
        self.asterisk.set_globals(
            CENTRALINO_URL=f"{url}/v1",
            CENTRALINO_KEY=key,
            CENTRALINO_TIMEOUT="3.0",
            CENTRALINO_CONNECT_TIMEOUT="2.0",
            PHONE=self.phone.address,
            FREEPBX_HOST=url.removeprefix("http://"),
        )


def _shown(ring: Ring, called_at: float) -> Shown:
    return Shown(ring.name, ring.number, round(1000 * (ring.at - called_at)), ring.called)


def extensions() -> str:
    """Return the site's whole extensions.conf."""
    document = (ROOT / "integrations/freepbx.md").read_text()
    lines = document.partition("```ini\n")[2].partition("```")[0].splitlines()
    block = "\n".join(line.removeprefix("   ") for line in lines)
    before, include, after = block.partition('#include "centralino.conf"\n')
    assert not before, block
    assert include, block
    return EXTENSIONS + after
