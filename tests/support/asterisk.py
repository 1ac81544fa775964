"""A real Asterisk in the tree that `tools/asterisk/build-chroot` makes, with a dialplan of ours."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from tests.support.sip import LOOPBACK, PATIENCE_S

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


class Asterisk:
    """A running Asterisk; `close` ends it and removes what it wrote.

    Args:
        phone_port: where the extension `PJSIP/phone` is registered, on loopback.
        extensions: the site's own dialplan; it may `#include` ours.
    """

    def __init__(self, phone_port: int, extensions: str) -> None:
        # Inside the tree, as Asterisk sees nothing else; not /run, which the tree may not have.
        self._home = Path(tempfile.mkdtemp(prefix="asterisk-", dir=CHROOT / "tmp"))
        self._inside = Path("/") / self._home.relative_to(CHROOT)
        self.sip_port = _free_port()
        self._write_configuration(phone_port, extensions)
        with (self._home / "console").open("w") as console:
            self._process = subprocess.Popen(
                self._command("-f"),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
            )
        self._wait_until_booted()

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

    def _write_configuration(self, phone_port: int, extensions: str) -> None:
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


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
