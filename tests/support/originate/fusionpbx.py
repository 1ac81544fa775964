"""A FusionPBX on loopback: its page for click-to-call, old and new."""

from __future__ import annotations

import re
from html import escape

from tests.support.crm import Reply, Request
from tests.support.originate import FakePbx, Rung

KEY = "3f2504e0-4f89-11d3-9a0c-0305e82c3301&x=/'"
UUID = "7d9a4b61-5f3c-4a5e-8a39-0123456789ab"
LOGIN = b'<html><form action="login_process.php"><input name="username"><input name="password">'
# FreeSWITCH's own reading of what the page makes of a request.
_SOURCE = re.compile(r"click_to_call=true,origination_caller_id_name='([^']*)',")


class FakeFusionpbx(FakePbx):
    """The page; `down` is a FreeSWITCH that its web server can't reach."""

    def __init__(self) -> None:
        super().__init__()
        self.down = False

    def is_dial(self, request: Request) -> bool:
        """Tell whether a call is to be placed."""
        return "src=" in request.target

    def answer(self, request: Request) -> Reply:
        """Answer one request."""
        if request.path != "/app/click_to_call/click_to_call.php":
            return Reply(404, b"<html>not found</html>", "text/html")
        query = request.query
        if query.get("key") != KEY:
            return _page(LOGIN.decode())
        return _page(self._call(query) if query.get("src") and query.get("dest") else "")

    def _call(self, query: dict[str, str]) -> str:
        if self.down:
            return "<div align='center'><strong>Connection to Event Socket failed.</strong></div>"
        common = f"click_to_call=true,origination_caller_id_name='{query['src_cid_name']}',"
        source = _SOURCE.fullmatch(common)
        assert source, common
        assert query["src_cid_number"] == query["dest"]
        assert query["rec"] == "false"
        told = "-ERR SUBSCRIBER_ABSENT"
        if query["src"] in self.extens:
            self.ring(
                Rung(
                    query["src"],
                    query["dest"],
                    "",
                    query["dest_cid_number"],
                    source[1],
                    query["auto_answer"] == "true",
                )
            )
            told = f"+OK {UUID}"
        return (
            f"<div align='center'><strong>{escape(query['src'])} has called"
            f" {escape(query['dest'])}</strong></div>\n"
            f"<div align='center'><br />{escape(told)}<br /><br /></div>\n"
        )


def _page(content: str) -> Reply:
    shown = f"<html><body>{content}<form><input name=\"src\" value=''></form></body></html>"
    return Reply(200, shown.encode(), "text/html; charset=utf-8")
