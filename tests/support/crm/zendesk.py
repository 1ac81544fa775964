"""A fake Zendesk: users, identities and organisations, search and the incremental export.

Written after developer.zendesk.com: users, user_identities, search, incremental_exports, and what
its support says of sideloading identities in `show_many`.
"""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.support.crm import FakeCrm, Person, Reply, reply

if TYPE_CHECKING:
    from tests.support.crm import Request

EMAIL = "admin@example.com"
TOKEN = "6wiIBWbGkBMo1mRDMuVwkw1EPsNkeUj95PIz2akv"
NOBODY = {"id": None, "name": "Anonymous user", "role": "end-user", "active": False}


class FakeZendesk(FakeCrm):
    """One account.

    Attributes:
        sideloads: whether `show_many` has identities beside the users.
        role: the role of the user whose token it is.
        users: id -> user; `updated_at` is milliseconds since 1970.
        identities: user -> further numbers.
        organizations: id -> name.
    """

    def __init__(self, *, sideloads: bool = True, role: str = "admin") -> None:
        super().__init__()
        self.sideloads = sideloads
        self.role = role
        self.users: dict[int, dict[str, Any]] = {}
        self.identities: dict[int, list[str]] = {}
        self.organizations: dict[int, str] = {}

    def record(self, place: int) -> str:
        return str(6_596_848_315_900 + place)

    def save(self, person: Person) -> None:
        organization = 9000 + sorted({*self.organizations.values(), person.company}).index(
            person.company
        )
        while self.organizations.get(organization, person.company) != person.company:
            organization += 1
        self.organizations[organization] = person.company
        self.put(
            int(person.record),
            person.modified_ms,
            name=f"{person.first_name} {person.last_name}",
            phone=person.number,
            organization_id=organization,
        )

    def put(self, user: int, modified_ms: int, **fields: Any) -> None:  # noqa: ANN401 - any field
        """Create a user, or change one."""
        new: dict[str, Any] = {
            "id": user,
            "active": True,
            "email": None,
            "external_id": None,
            "name": "",
            "organization_id": None,
            "phone": None,
            "role": "end-user",
            "shared_phone_number": False,
            "suspended": False,
            "tags": [],
        }
        self.users[user] = {**new, **self.users.get(user, {}), **fields, "updated_at": modified_ms}

    def delete(self, record: str, at_ms: int) -> None:
        """Delete a user as agents do: it stays, without being active."""
        self.users[int(record)].update(active=False, updated_at=at_ms)

    # --- HTTP ------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply:
        pair = base64.b64encode(f"{EMAIL}/token:{TOKEN}".encode()).decode()
        given = request.headers.get("authorization")
        known = given in (f"Basic {pair}", f"Bearer {TOKEN}")
        path = request.path.removeprefix("/api/v2/")
        if request.method != "GET" or path == request.path:
            return reply({"error": "InvalidEndpoint"}, 404)
        if path == "users/me.json":
            # Whoever isn't known is answered all the same.
            me = {"id": 1, "name": "Zazzera", "role": self.role, "active": True}
            return reply({"user": me if known else NOBODY})
        if not known:
            return reply({"error": "Couldn't authenticate you"}, 401)
        if found := re.fullmatch(r"users/(\d+)(/identities)?\.json", path):
            return self._one(int(found[1]), request.query, identities=bool(found[2]))
        listings = {
            "search.json": self._search,
            "users/show_many.json": self._show_many,
            "incremental/users/cursor.json": self._export,
        }
        if path not in listings:
            return reply({"error": "InvalidEndpoint"}, 404)
        return listings[path](request.query)

    def _one(self, user: int, query: dict[str, str], *, identities: bool) -> Reply:
        if user not in self.users:
            return reply({"error": "RecordNotFound", "description": "Not found"}, 404)
        if identities:
            return reply({"identities": self._identities(user)})
        assert query == {"include": "organizations"}
        return reply({"user": self._shown(user), **self._organizations([user])})

    def _show_many(self, query: dict[str, str]) -> Reply:
        ids = [int(text) for text in query["ids"].split(",")]
        assert len(ids) <= 100
        users = [one for one in ids if one in self.users and self.users[one]["active"]]
        beside = {"identities": [i for one in users for i in self._identities(one)]}
        assert query["include"] == "identities,organizations"
        return reply(
            {
                "users": [self._shown(one) for one in users],
                **self._organizations(users),
                **(beside if self.sideloads else {}),
            }
        )

    def _search(self, query: dict[str, str]) -> Reply:
        wanted = re.fullmatch(r"role:end-user phone:\*(\d+)", query["query"])
        assert wanted, query["query"]
        # Other formats are found as well, and a search never finds who was deleted.
        found = [
            {**self._shown(user), "result_type": "user"}
            for user, fields in self.users.items()
            if fields["active"]
            and fields["role"] == "end-user"
            and re.sub(r"\D", "", fields["phone"] or "").endswith(wanted[1])
        ]
        limit = min(int(query["per_page"]), self.page_size)
        return reply({"results": found[:limit], "count": len(found), "next_page": None})

    def _export(self, query: dict[str, str]) -> Reply:
        """List by the time of the change and the id, whatever became of the user."""
        # Times are whole seconds, and so is the time to start from.
        keys = sorted((fields["updated_at"] // 1000, user) for user, fields in self.users.items())
        if "cursor" in query:
            if not re.fullmatch(r"\d+_\d+", query["cursor"]):
                return reply({"error": "InvalidPaginationParameter"}, 400)
            second, user = map(int, query["cursor"].split("_"))
            keys = [key for key in keys if key > (second, user)]
        else:
            keys = [key for key in keys if key[0] >= int(query["start_time"])]
        page = keys[: min(int(query["per_page"]), self.page_size)]
        after = f"{page[-1][0]}_{page[-1][1]}" if page else None
        users = [self._shown(user) for _, user in page]
        ended = len(page) == len(keys)
        return reply({"users": users, "after_cursor": after, "end_of_stream": ended})

    def _shown(self, user: int) -> dict[str, Any]:
        fields = self.users[user]
        at = datetime.fromtimestamp(fields["updated_at"] // 1000, UTC)
        return {**fields, "updated_at": at.strftime("%Y-%m-%dT%H:%M:%SZ")}

    def _identities(self, user: int) -> list[dict[str, Any]]:
        fields = self.users[user]
        own = [] if fields["shared_phone_number"] or not fields["phone"] else [fields["phone"]]
        numbers = [*own, *self.identities.get(user, [])]
        mail = {"id": 1, "type": "email", "value": "zazzera@example.com", "user_id": user}
        return [mail] + [
            {"id": place, "type": "phone_number", "value": number, "user_id": user}
            for place, number in enumerate(numbers, start=2)
        ]

    def _organizations(self, users: list[int]) -> dict[str, Any]:
        ids = {self.users[user]["organization_id"] for user in users} - {None}
        return {
            "organizations": [{"id": one, "name": self.organizations[one]} for one in sorted(ids)]
        }
