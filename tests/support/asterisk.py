"""A real Asterisk in the tree that `tools/asterisk/build-chroot` makes, with a dialplan of ours."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.support.sip import LOOPBACK, PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).resolve().parents[2]
CHROOT = ROOT / ".cache" / "asterisk-sid"
DIALPLANS = (
    ROOT / "integrations" / "asterisk" / "centralino.conf",
    ROOT / "integrations" / "asterisk" / "centralino-route.conf",
    ROOT / "integrations" / "omnileads" / "centralino-oml.conf",
)

# Only what an inbound call needs: it starts in a second, and nothing listens but what is tested.
_MODULES = """
[modules]
autoload=no
load=app_dial.so
load=app_exec.so
load=app_read.so
load=app_stack.so
load=app_verbose.so
load=bridge_simple.so
load=chan_pjsip.so
load=codec_ulaw.so
load=func_callerid.so
load=func_channel.so
load=func_curl.so
load=func_cut.so
load=func_env.so
load=func_global.so
load=func_json.so
load=func_logic.so
load=func_rand.so
load=func_shell.so
load=func_strings.so
load=func_uri.so
load=pbx_config.so
load=res_clioriginate.so
load=res_curl.so
load=res_pjproject.so
load=res_pjsip.so
load=res_pjsip_caller_id.so
load=res_pjsip_endpoint_identifier_ip.so
load=res_pjsip_pubsub.so
load=res_pjsip_sdp_rtp.so
load=res_pjsip_session.so
load=res_rtp_asterisk.so
load=res_sorcery_astdb.so
load=res_sorcery_config.so
load=res_sorcery_memory.so
load=res_timing_timerfd.so
"""
# What placing calls over ARI needs beside it: over HTTP, and over a WebSocket that Asterisk opens.
_ARI_MODULES = """
load=codec_alaw.so
load=codec_resample.so
load=res_ari.so
load=res_ari_applications.so
load=res_ari_asterisk.so
load=res_ari_channels.so
load=res_ari_endpoints.so
load=res_ari_events.so
load=res_ari_model.so
load=res_http_websocket.so
load=res_pjsip_header_funcs.so
load=res_stasis.so
load=res_stasis_answer.so
load=res_stasis_playback.so
load=res_stasis_recording.so
load=res_stasis_snoop.so
load=res_websocket_client.so
"""
_HTTP = """
[general]
enabled=yes
bindaddr={loopback}
bindport={port}
"""
_ARI = """
[general]
enabled=yes
channelvars=CENTRALINO_CALL

[{user}]
type=user
read_only=no
password={password}
"""
_ARI_LINK = """
[{name}]
type=outbound_websocket
websocket_client_id={name}
apps={app}
subscribe_all=yes
local_ari_user={user}
"""
_WEBSOCKET_CLIENT = """
[{name}]
type=websocket_client
uri={uri}
protocols=ari
username={username}
password={password}
connection_type=persistent
connection_timeout=5000
reconnect_interval=500
{tls}
"""
_TLS = """tls_enabled=yes
ca_list_file={ca}
verify_server_cert=yes
verify_server_hostname=yes"""
_PJSIP = """
[transport]
type=transport
protocol=udp
bind={loopback}:{port}

[carrier]
type=endpoint
context=from-carrier
trust_id_inbound=yes
disallow=all
allow=ulaw
from_domain={loopback}

[carrier]
type=identify
endpoint=carrier
match={loopback}

[loop]
type=endpoint
context=nobody
aors=loop
disallow=all
allow=ulaw

[loop]
type=aor
contact=sip:{loopback}:{port}

[phone]
type=endpoint
aors=phone
disallow=all
allow=ulaw

[phone]
type=aor
contact=sip:phone@{loopback}:{phone_port}
"""
# An agent's phone, and the trunk that calls to the outside leave by.
_PJSIP_OUT = """
[{name}]
type=endpoint
aors={name}
disallow=all
allow=ulaw
send_pai=yes
from_domain={loopback}

[{name}]
type=aor
contact=sip:{contact}
"""


class Link(NamedTuple):
    """A WebSocket that Asterisk opens, and opens again whenever it is closed.

    Attributes:
        uri: where to, `ws://…` or `wss://…`.
        username, password: what it says who it is with, Basic.
        app: the Stasis application that it stands for.
        trusts: the only certificate to believe, PEM.
    """

    uri: str
    username: str
    password: str
    app: str = "centralino"
    trusts: bytes = b""


class Ari(NamedTuple):
    """What a PBX has that places calls over ARI.

    Attributes:
        user, password: of ARI.
        out: a SIP endpoint that can be called -> its contact, `user@host:port` or `host:port`.
        links: the WebSockets that it opens.
        files: of the configuration -> their text, instead of what the above makes of them.
    """

    user: str = "centralino"
    password: str = "ari-password"
    out: Sequence[tuple[str, str]] = ()
    links: Sequence[Link] = ()
    files: Mapping[str, str] = {}


class Asterisk:
    """A running Asterisk; `close` ends it and removes what it wrote.

    Args:
        phone_port: where the extension `PJSIP/phone` is registered, on loopback.
        extensions: the site's own dialplan; it may `#include` ours.
        ari: what places calls for others; nothing of ARI is loaded without it.

    Attributes:
        sip_port: where it listens for SIP, UDP.
        http_port: where it listens for ARI, TCP; stays the same after a restart.
    """

    def __init__(self, phone_port: int, extensions: str, ari: Ari | None = None) -> None:
        # Inside the tree, as Asterisk sees nothing else; not /run, which the tree may not have.
        self._home = Path(tempfile.mkdtemp(prefix="asterisk-", dir=CHROOT / "tmp"))
        self._inside = Path("/") / self._home.relative_to(CHROOT)
        self.sip_port = _free_port(socket.SOCK_DGRAM)
        self.http_port = _free_port(socket.SOCK_STREAM)
        self._write_configuration(phone_port, extensions, ari)
        self.start()

    def start(self) -> None:
        """Start it, the first time or again, and wait until it takes calls."""
        with (self._home / "console").open("w") as console:
            self._process = subprocess.Popen(
                self._command("-f"),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
            )
        self._wait_until_booted()

    def kill(self) -> None:
        """End it as a power failure does: no call is ended, no connection closed."""
        self._process.kill()
        self._process.wait()
        # A control socket that nobody listens on would look like one that is not ready yet.
        with contextlib.suppress(FileNotFoundError):
            (self._home / "run" / "asterisk.ctl").unlink()

    def cli(self, command: str) -> str:
        """Run a command of Asterisk's own command line and return what it prints."""
        done = subprocess.run(
            self._command("-rx", command), capture_output=True, text=True, check=True, timeout=30
        )
        return done.stdout

    def set_globals(self, **values: str) -> None:
        """Set global variables of the dialplan, as an administrator does in `[globals]`."""
        for name, value in values.items():
            self.cli(f'dialplan set global {name} "{value}"')

    def log(self) -> str:
        """Return everything logged since the start, executed dialplan steps included."""
        return (self._home / "log" / "full").read_text(errors="replace")

    def inside(self, path: str) -> Path:
        """Return where a path as Asterisk sees it lies on this machine."""
        return CHROOT / path.lstrip("/")

    def close(self) -> None:
        """Stop Asterisk and remove what it wrote."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._home)

    def _command(self, *arguments: str) -> list[str]:
        return [
            "chroot",
            str(CHROOT),
            "asterisk",
            "-C",
            f"{self._inside}/asterisk.conf",
            *arguments,
        ]

    def _write_configuration(self, phone_port: int, extensions: str, ari: Ari | None) -> None:
        packaged = (CHROOT / "etc/asterisk/asterisk.conf").read_text()
        kept = re.findall(r"^ast(?:moddir|varlibdir|datadir)\s*=>.*$", packaged, re.MULTILINE)
        directories = "\n".join(
            f"ast{name}dir => {self._inside}/{name}"
            for name in ("db", "key", "log", "run", "spool")
        )
        for name in ("db", "key", "log", "run", "spool"):
            (self._home / name).mkdir()
        files = {
            "asterisk.conf": f"[directories]\nastetcdir => {self._inside}\n{directories}\n"
            + "\n".join(kept)
            + "\n[options]\nverbose = 3\n",
            "modules.conf": _MODULES,
            "logger.conf": "[logfiles]\nfull => notice,warning,error,verbose\n",
            "pjsip.conf": _PJSIP.format(
                loopback=LOOPBACK, port=self.sip_port, phone_port=phone_port
            ),
            "extensions.conf": extensions,
        }
        for name, text in _ari_files(ari, self.http_port, self._inside).items() if ari else ():
            files[name] = files.get(name, "") + text
        for name, text in files.items():
            (self._home / name).write_text(text)
        for dialplan in DIALPLANS:
            shutil.copy(dialplan, self._home / dialplan.name)
        # Asterisk asks for its own address when it starts; nothing it asks may leave the machine.
        (CHROOT / "etc/hosts").write_text(f"127.0.0.1 localhost {socket.gethostname()}\n")
        (CHROOT / "etc/resolv.conf").write_text(f"nameserver {LOOPBACK}\n")

    def _wait_until_booted(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            assert self._process.poll() is None, (self._home / "console").read_text()
            # `waitfullybooted` returns at once while there is no control socket yet.
            done = subprocess.run(
                self._command("-rx", "core waitfullybooted"),
                capture_output=True,
                text=True,
                check=False,
            )
            if "fully booted" in done.stdout:
                return
            assert time.monotonic() < deadline, (self._home / "console").read_text()
            time.sleep(0.1)


def _ari_files(ari: Ari, port: int, inside: Path) -> dict[str, str]:
    """Return what to add to the configuration, by file."""
    links = [(f"link-{number}", link) for number, link in enumerate(ari.links)]
    return {
        "modules.conf": _ARI_MODULES,
        "pjsip.conf": "".join(
            _PJSIP_OUT.format(loopback=LOOPBACK, name=name, contact=contact)
            for name, contact in ari.out
        ),
        "http.conf": _HTTP.format(loopback=LOOPBACK, port=port),
        "ari.conf": _ARI.format(user=ari.user, password=ari.password)
        + "".join(_ARI_LINK.format(name=name, app=link.app, user=ari.user) for name, link in links),
        "websocket_client.conf": "".join(
            _WEBSOCKET_CLIENT.format(
                name=name,
                uri=link.uri,
                username=link.username,
                password=link.password,
                tls=_TLS.format(ca=inside / f"{name}.pem") if link.trusts else "tls_enabled=no",
            )
            for name, link in links
        ),
        **{f"{name}.pem": link.trusts.decode() for name, link in links},
        **ari.files,
    }


def _free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
