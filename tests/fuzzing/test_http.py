"""Requests of every form that a manager's own schema allows, and many that it does not: it answers, and goes on."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok

from tests.support.office import EXAMPLE, RunningManager, with_two_sites

REQUESTS = int(os.environ.get("SKERRY_FUZZ_REQUESTS", "4"))
"""Of each operation, in form and out of it."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180 + 15 * REQUESTS)]

WITHIN_S = 30


def test_no_request_is_a_defect_of_the_manager(tmp_path: Path) -> None:
    with with_two_sites(RunningManager(tmp_path / "hq")) as manager:
        status, answer = manager.apply((EXAMPLE / "intent.yaml").read_text())
        assert status == 200, answer
        before = manager.admin.ask("/v1/intents")
        schema = schemathesis.openapi.from_dict(json.loads(manager.text("/schema/openapi.json")))
        operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
        assert len(operations) > 15
        who = manager.folder / "operators" / "admin"
        with requests.Session() as session:  # one connection for all
            session.trust_env = False
            session.cert = (str(who / "cert.pem"), str(who / "key.pem"))
            for operation in operations:
                for mode in GenerationMode:
                    with suppress(Unsatisfiable):  # without parameters, nothing is out of form
                        _ask(
                            f"https://{manager.api_address}",
                            session,
                            who / "ca.pem",
                            operation.as_strategy(generation_mode=mode),
                        )
        assert manager.admin.ask("/v1/intents") == before, "I8: something of this changed what is wanted"


def _ask(address: str, session: requests.Session, authority: Path, cases: Any) -> None:
    @settings(max_examples=REQUESTS, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=cases)
    def ask(case: Case[Any]) -> None:
        if case.path == "/v1/events":
            case.query = {**(case.query or {}), "follow": "false"}  # it would never end
        answer = case.call(base_url=address, session=session, verify=str(authority), timeout=WITHIN_S)
        assert answer.status_code < 500, (case.method, case.path, answer.text)

    ask()
