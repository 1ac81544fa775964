"""Several containers of one tenant that place calls at once and share one access token.

What providers whose PBX ends a token with the next login have to stand is `SharedTokenContract`.
"""

from __future__ import annotations

import threading
import time
from abc import abstractmethod
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from centralino.adapters.secret_keeper import TokenPlace
from centralino.adapters.store.token_claims import DynamoTokenClaims
from centralino.adapters.tokens import ATTEMPTS, CLAIM_S, YOUNG_S, SharedPlace, SharedTokens
from centralino.domain.errors import UnavailableError
from centralino.domain.originate import FAILURES, FailedCallError, Order
from centralino.ports.originate import Means
from tests.support.crm import LoopbackWeb
from tests.support.memory_dynamo import MemoryDynamo
from tests.support.originate import FakePbx
from tests.support.originate.contract import LATER_S, OriginateContract
from tests.support.token_store import MemoryTokenStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from centralino.ports.originate import Originator, PbxLink
    from centralino.ports.tokens import TokenStore
    from centralino.ports.web import Answer

ORDER = Order("0123456789abcdefABCDEF", "21", "+390244556677", "0244556677", timeout_s=25)
TIMEOUT_S = 5.0


class Containers:
    """A tenant's containers.

    Args:
        kind: the provider.
        link: the tenant's.
        count: how many containers there are.
        secrets: the file that has the secrets; with it the token is shared as at a customer's, in
            that file and by claims in the table, and not in `store`.

    Attributes:
        store: where they share the token.
        all: the provider in each container.
    """

    def __init__(
        self, kind: type[Originator], link: PbxLink, count: int = 1, *, secrets: Path | None = None
    ) -> None:
        self._later_s = 0.0
        self._dynamo = MemoryDynamo("centralino")
        self.store = MemoryTokenStore(self.now)
        self.all = []
        for _ in range(count):
            store = self._place(link, secrets) if secrets else self.store
            tokens = SharedTokens(store, "origin", now=self.now)
            self.all.append(kind(link, Means(LoopbackWeb(), tokens)))

    def _place(self, link: PbxLink, secrets: Path) -> TokenStore:
        name = f"dial-{link.provider}"
        kept = TokenPlace(f"file:{secrets}", lambda _: self._dynamo, link.tenant, name)
        claims = DynamoTokenClaims(self._dynamo, "centralino", link.tenant, now=self.now)
        return SharedPlace(kept, claims, name, threading.Lock())

    def now(self) -> float:
        """Return the time, seconds since 1970."""
        return time.time() + self._later_s

    def let_pass(self, seconds: float) -> None:
        """Let some time pass for the token."""
        self._later_s += seconds

    def originate(self, place: int = 0, *, timeout_s: float = TIMEOUT_S) -> str:
        """Place a call from one container; return its id, or why it is not placed."""
        try:
            return self.all[place].originate(ORDER, timeout_s=timeout_s).provider_id
        except FailedCallError as error:
            return error.reason

    def storm(self) -> list[str]:
        """Place a call from each container, all at once; return what became of them."""
        start = threading.Barrier(len(self.all))

        def one(place: int) -> str:
            start.wait()
            return self.originate(place)

        with ThreadPoolExecutor(len(self.all)) as pool:
            return list(pool.map(one, range(len(self.all))))


class TokenPbx(FakePbx):
    """A PBX that gives access tokens.

    Attributes:
        logins: how often it gave one to us.
    """

    @abstractmethod
    def log_in_elsewhere(self) -> None:
        """Let another application log in as we do, which ends our token; no login of ours."""


class LateWeb(LoopbackWeb):
    """A web on which something happens between a login and the moment we hear of it.

    Args:
        is_login: tells by the URL.
        meanwhile: happens once.
    """

    def __init__(self, is_login: Callable[[str], bool], meanwhile: Callable[[], object]) -> None:
        super().__init__()
        self._is_login = is_login
        self._meanwhile = [meanwhile]

    def send(self, method: str, url: str, **options: Any) -> Answer:  # noqa: ANN401 - as they come
        answer = super().send(method, url, **options)
        if self._is_login(url) and self._meanwhile:
            self._meanwhile.pop()()
        return answer


class SharedTokenContract(OriginateContract):
    """What a provider has to stand, beside all else, whose PBX ends a token with the next login.

    Attributes:
        login: how the URL of a login ends.
    """

    has_tokens = True
    login: ClassVar[str]

    @abstractmethod
    def server(self) -> TokenPbx:
        """Return a fake PBX, not yet started, that expects `self.secrets`."""

    @pytest.fixture
    def token_giver(self) -> Iterator[TokenPbx]:
        with self.server() as pbx:
            yield pbx

    def containers(self, pbx: TokenPbx, count: int = 1) -> Containers:
        """Return that many containers."""
        return Containers(self.originator, self.link(pbx.url), count)

    def test_eight_containers_at_once_log_in_once(self, token_giver: TokenPbx) -> None:
        outcomes = self.containers(token_giver, 8).storm()

        assert len(set(outcomes)) == 8
        assert set(outcomes).isdisjoint(FAILURES)
        assert (len(token_giver.rung), token_giver.logins) == (8, 1)

    def test_eight_containers_that_share_by_secrets_and_table_log_in_once(
        self, token_giver: TokenPbx, tmp_path: Path
    ) -> None:
        secrets = tmp_path / "secrets.json"
        secrets.write_text("{}")
        link = self.link(token_giver.url)

        outcomes = Containers(self.originator, link, 8, secrets=secrets).storm()

        assert len(set(outcomes)) == 8
        assert set(outcomes).isdisjoint(FAILURES)
        assert (len(token_giver.rung), token_giver.logins) == (8, 1)
        assert f"acme/crm/dial-{link.provider}/token" in secrets.read_text()

    def test_eight_containers_whose_token_was_ended_elsewhere_log_in_once_more(
        self, token_giver: TokenPbx
    ) -> None:
        containers = self.containers(token_giver, 8)
        before = containers.storm()
        containers.let_pass(LATER_S)
        token_giver.log_in_elsewhere()

        outcomes = containers.storm()

        assert len({*before, *outcomes}) == 16
        assert set(outcomes).isdisjoint(FAILURES)
        assert (len(token_giver.rung), token_giver.logins) == (16, 2)

    def test_a_token_that_was_ended_elsewhere_is_replaced_and_the_phone_rings_once(
        self, token_giver: TokenPbx
    ) -> None:
        containers = self.containers(token_giver)
        containers.originate()
        containers.let_pass(LATER_S)
        token_giver.log_in_elsewhere()

        assert containers.originate() not in FAILURES
        assert (len(token_giver.rung), token_giver.logins) == (2, 2)

    def test_who_fights_over_the_token_with_us_wins_and_no_phone_rings(
        self, token_giver: TokenPbx
    ) -> None:
        containers = self.containers(token_giver)
        containers.originate()
        # At once: a token of ours would end theirs, and theirs ours again.
        token_giver.log_in_elsewhere()

        assert containers.originate() == "credentials"
        assert (len(token_giver.rung), token_giver.logins) == (1, 1)

    def test_a_login_that_outlived_its_claim_costs_one_call_and_heals_by_itself(
        self, token_giver: TokenPbx
    ) -> None:
        containers = self.containers(token_giver, 2)
        others: list[str] = []

        def another_logs_in() -> None:
            containers.let_pass(CLAIM_S)
            others.append(containers.originate(1))

        late = LateWeb(lambda url: url.endswith(self.login), another_logs_in)
        containers.all[0].means = containers.all[0].means._replace(web=late)

        # Its token is dead, and was kept a moment ago.
        assert containers.originate() == "credentials"
        containers.let_pass(YOUNG_S)
        others += [containers.originate(), containers.originate(1)]

        assert set(others).isdisjoint(FAILURES)
        assert (len(token_giver.rung), token_giver.logins) == (3, 3)

    def test_a_store_that_can_not_keep_the_token_costs_the_call_and_the_next_one_has_it(
        self, token_giver: TokenPbx
    ) -> None:
        containers = self.containers(token_giver)
        containers.store.failing = ATTEMPTS

        assert containers.originate() == "unreachable"
        assert token_giver.rung == []
        assert containers.originate() not in FAILURES
        assert token_giver.logins == 1

    def test_a_store_that_is_away_costs_the_call_and_no_login(
        self, token_giver: TokenPbx, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        containers = self.containers(token_giver)

        def away(_until: float) -> int:
            raise UnavailableError("timeout")

        monkeypatch.setattr(containers.store, "claim", away)

        assert containers.originate() == "unreachable"
        assert token_giver.requests == []

    def test_a_container_that_was_killed_while_it_logged_in_holds_the_others_up_for_a_while(
        self, token_giver: TokenPbx
    ) -> None:
        containers = self.containers(token_giver, 2)
        assert containers.store.claim(containers.now() + CLAIM_S)

        assert containers.originate(timeout_s=0.3) == "unreachable"
        assert token_giver.requests == []
        containers.let_pass(CLAIM_S)
        assert containers.originate(1) not in FAILURES
