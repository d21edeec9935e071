"""The people, projects and secrets of a game, and the rule that every answer is held to."""

import re
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from random import Random
from typing import Any

import jwt

from tests.access.who_may import WhoMay
from tests.access.wire import Answer, Wire

__all__ = ["Cursor", "Link", "World"]

API = "/api/v1"
MARK = re.compile(rb"MARK-[0-9a-f]{16}")
CALLS_PER_GENERATION = 400
STRANGER = "You are not a member of this project, or it does not exist."


@dataclass(frozen=True)
class Link:
    """A URL that the server signed."""

    project_id: str
    method: str
    path: str


@dataclass(frozen=True)
class Cursor:
    """A page's end, and the query of which it is one."""

    project_id: str
    collection: str
    question: str
    """Filter and sort."""

    text: str


class World:
    """Everything that was made so far. Each project's data carries a text that no other has."""

    def __init__(self, wire: Wire, chance: Random, secret: str) -> None:
        self.wire = wire
        self.chance = chance
        self.who_may = WhoMay()
        self.password: dict[str, str] = {}
        self.email: dict[str, str] = {}
        self.token: dict[str, str] = {}
        self.bad_tokens: list[str] = ["", "x.y.z"]
        self.mark: dict[str, str] = {}
        self.retention_days: dict[str, int | None] = {}
        self.keys: dict[str, tuple[str, str]] = {}
        """By key: the project and the key's id, the revoked among them."""

        self.bad_keys: list[str] = ["", "xray_sk_" + "A" * 32]
        self.links: list[Link] = []
        self.lengths: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        """By project and data id: how long a value was said to be, or was; all but the first is refused."""

        self.cursors: list[Cursor] = []
        self.outcomes: Counter[tuple[str, int]] = Counter()
        self.marks_shown = 0
        self._secret = secret

    def other_lengths(self, project_id: str, data_id: str, length: int) -> bool:
        """Tell whether a value was said to have another length, so that the server may refuse this one."""
        return bool(self.lengths[project_id, data_id] - {length})

    def register(self) -> str:
        email = f"p{len(self.email)}-{self.chance.getrandbits(32):x}@example.org"
        account = {"email": email, "password": "password 0", "name": "Somebody"}
        made = self.must(self.wire.call("POST", f"{API}/auth/register", json=account))
        user_id: str = made["user"]["id"]
        self.email[user_id], self.password[user_id] = email, account["password"]
        self.take_token(user_id, made["token"])
        return user_id

    def make_project(self, user_id: str) -> str:
        mark = f"MARK-{self.chance.getrandbits(64):016x}"
        call = self.wire.call("POST", f"{API}/projects", token=self.token[user_id], json={"name": mark})
        project_id: str = self.must(call)["project"]["projectId"]
        self.mark[project_id] = mark
        self.who_may.role[project_id, user_id] = "owner"
        self.who_may.steps[project_id] = {}
        return project_id

    def take_token(self, user_id: str, token: str) -> None:
        """Believe a token from now on, and make the bad ones that look most like it."""
        self.who_may.user_of[token] = user_id
        self.token[user_id] = token
        claims = jwt.decode(token, options={"verify_signature": False})
        past = int(time.time()) - 10
        self.bad_tokens += [
            jwt.encode({**claims, "exp": past}, self._secret, "HS256"),
            jwt.encode({**claims, "pwd": "0" * 32}, self._secret, "HS256"),
            jwt.encode(claims, "k" * 64, "HS256"),
            jwt.encode(claims, "", "none"),
        ]

    def end_tokens(self, user_id: str) -> None:
        """Tell that a password was changed."""
        old = [token for token, owner in self.who_may.user_of.items() if owner == user_id]
        for token in old:
            del self.who_may.user_of[token]
        self.bad_tokens += old

    def hold(self, kind: str, answer: Answer, verdict: int, fine: set[int], seen: set[str]) -> bool:
        """Hold an answer to the verdict; true where it was allowed and done.

        Whoever may gets one of the statuses in `fine`, and the texts of the projects in `seen` at most; whoever may
        not gets the verdict, and no project's text.
        """
        self.outcomes[kind, verdict] += 1
        told = f"{answer.said}\nanswered {answer.status}: {answer.body[:500]!r}\nwhere {verdict} was due"
        if verdict == 200:
            assert answer.status in fine, told
        else:
            assert answer.status == verdict, told
        marks = {mark.decode() for mark in MARK.findall(answer.body)}
        allowed = {self.mark[project_id] for project_id in seen} if verdict == 200 else set()
        assert marks <= allowed, f"{told}; texts of other projects: {marks - allowed}"
        self.marks_shown += len(marks)
        return answer.status == 200

    def hold_in_project(
        self, kind: str, answer: Answer, token: str, project_id: str, needed: tuple[str, ...], fine: set[int]
    ) -> bool:
        """Hold an answer about one project; strangers are told the same wherever they ask."""
        verdict = self.who_may.by_token(token, project_id, needed)
        is_stranger = verdict == 403 and (project_id, self.who_may.user_of[token]) not in self.who_may.role
        done = self.hold(kind, answer, verdict, fine, {project_id} & set(self.mark))
        if is_stranger:
            assert answer.json() == {"error": STRANGER}, answer.said
        return done

    def must(self, answer: Answer) -> dict[str, Any]:
        assert answer.status == 200, f"{answer.said}\nanswered {answer.status}: {answer.body!r}"
        return answer.json()

    def any_token(self) -> str:
        if self.chance.random() < 0.15:
            return self.chance.choice(self.bad_tokens)
        return self.token[self.any_user()]

    def any_trace_id(self) -> str:
        """Return one of a few ids, which move on: what was deleted stays so, and there must be others."""
        return f"t{self.outcomes.total() // CALLS_PER_GENERATION}-{self.chance.randrange(8)}"

    def any_data_id(self) -> str:
        return f"d{self.chance.randrange(12)}"

    def other_project(self, project_id: str) -> str:
        return self.chance.choice([other for other in self.mark if other != project_id])

    def keep_link(self, link: Link) -> None:
        self.links = [*self.links[-200:], link]

    def living(self) -> list[str]:
        return list(self.who_may.steps)

    def forget(self, project_id: str) -> None:
        """Tell that a project was deleted: it is as if it had never been."""
        del self.who_may.steps[project_id]
        for pair in [pair for pair in self.who_may.role if pair[0] == project_id]:
            del self.who_may.role[pair]
        for key in [key for key, (its_project, _) in self.keys.items() if its_project == project_id]:
            self.bad_keys.append(key)
            self.who_may.project_of.pop(key, None)
            del self.keys[key]

    def any_user(self) -> str:
        return self.chance.choice(list(self.email))

    def any_project(self) -> str:
        if self.chance.random() < 0.05:
            return f"{self.chance.getrandbits(128):032x}"
        return self.chance.choice(self.living() if self.chance.random() < 0.9 else list(self.mark))

    def any_key(self) -> str:
        good = list(self.who_may.project_of)
        return self.chance.choice(self.bad_keys if not good or self.chance.random() < 0.2 else good)
