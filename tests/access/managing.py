"""The calls about accounts, projects, members and keys."""

from collections.abc import Callable

from tests.access.world import API, World

__all__ = ["MEMBERS", "OWNERS", "Managing"]

FEWEST_LIVING = 4
MEMBERS, OWNERS = ("owner", "member"), ("owner",)
LONG_DAYS = 20_000  # before 1980: nothing of the game is so old that it would be deleted
MOST_LIVING, MOST_PROJECTS, MOST_PEOPLE, MOST_KEYS = 8, 40, 8, 300  # so that a long game stays as quick as a short one


class Managing:
    """The part of the player that changes who may do what."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.wire = world.wire
        self.chance = world.chance
        self.who_may = world.who_may

    def managing_plays(self) -> list[tuple[Callable[[], None], int]]:
        return [
            (self.show_project, 4),
            (self.list_projects, 3),
            (self.change_project, 3),
            (self.set_retention, 3),
            (self.me, 2),
            (self.list_members, 4),
            (self.add_member, 5),
            (self.remove_member, 4),
            (self.list_keys, 3),
            (self.make_key, 3),
            (self.revoke_key, 2),
            (self.key_as_token, 1),
            (self.change_password, 1),
            (self.grow, 1),
            (self.delete_trace, 2),
            (self.delete_project, 1),
        ]

    def grow(self) -> None:
        is_room = len(self.world.mark) < MOST_PROJECTS and len(self.world.living()) < MOST_LIVING
        if is_room and self.chance.random() < 0.8:
            self.world.make_project(self.world.any_user())
        elif len(self.world.email) < MOST_PEOPLE:
            self.world.register()

    def me(self) -> None:
        token = self.world.any_token()
        answer = self.wire.call("GET", f"{API}/auth/me", token=token)
        verdict = 200 if token in self.who_may.user_of else 401
        if self.world.hold("me", answer, verdict, {200}, set()):
            assert answer.json()["user"]["id"] == self.who_may.user_of[token], answer.said

    def change_password(self) -> None:
        token = self.world.any_token()
        user_id = self.who_may.user_of.get(token)
        current = self.world.password.get(user_id or "", "password 0")
        is_right = self.chance.random() < 0.7
        new = f"password {self.chance.getrandbits(32)}"
        body = {"currentPassword": current if is_right else "wrong password", "newPassword": new}
        answer = self.wire.call("POST", f"{API}/auth/password", token=token, json=body)
        verdict = 200 if user_id is not None and is_right else 401
        if self.world.hold("change password", answer, verdict, {200}, set()):
            assert user_id is not None
            self.world.end_tokens(user_id)
            self.world.password[user_id] = new
            account = {"email": self.world.email[user_id], "password": new}
            made = self.world.must(self.wire.call("POST", f"{API}/auth/login", json=account))
            self.world.take_token(user_id, made["token"])

    def key_as_token(self) -> None:
        key, project_id = self.world.any_key(), self.world.any_project()
        answer = self.wire.call("GET", f"{API}/projects/{project_id}/traces", token=key, key=key)
        self.world.hold("key as token", answer, 401, set(), set())
        answer = self.wire.call("POST", f"{API}/ingest", key=self.world.any_token(), json={"events": []})
        self.world.hold("token as key", answer, 401, set(), set())

    def list_projects(self) -> None:
        token = self.world.any_token()
        answer = self.wire.call("GET", f"{API}/projects", token=token)
        user_id = self.who_may.user_of.get(token)
        theirs = set() if user_id is None else self.who_may.projects_of(user_id)
        if self.world.hold("list projects", answer, 401 if user_id is None else 200, {200}, theirs):
            assert {project["projectId"] for project in answer.json()["projects"]} == theirs, answer.said

    def show_project(self) -> None:
        token, project_id = self.world.any_token(), self.world.any_project()
        answer = self.wire.call("GET", f"{API}/projects/{project_id}", token=token)
        if self.world.hold_in_project("show project", answer, token, project_id, MEMBERS, {200}):
            assert answer.json()["project"]["retentionDays"] == self.world.retention_days.get(project_id), answer.said

    def change_project(self) -> None:
        token, project_id = self.world.any_token(), self.world.any_project()
        change = {"name": f"{self.world.mark.get(project_id, 'none')} {self.chance.random()}"}
        answer = self.wire.call("PATCH", f"{API}/projects/{project_id}", token=token, json=change)
        self.world.hold_in_project("change project", answer, token, project_id, OWNERS, {200})

    def set_retention(self) -> None:
        token, project_id = self.world.any_token(), self.world.any_project()
        days = self.chance.choice([None, LONG_DAYS, LONG_DAYS + 1, 0, "1"])
        answer = self.wire.call("PATCH", f"{API}/projects/{project_id}", token=token, json={"retentionDays": days})
        fine = {400} if days in (0, "1") else {200}
        if self.world.hold_in_project("set retention", answer, token, project_id, OWNERS, fine):
            self.world.retention_days[project_id] = days

    def delete_project(self) -> None:
        token, project_id = self.world.any_token(), self.world.any_project()
        if self.who_may.by_token(token, project_id, OWNERS) == 200 and len(self.world.living()) < FEWEST_LIVING:
            return
        answer = self.wire.call("DELETE", f"{API}/projects/{project_id}", token=token)
        if self.world.hold_in_project("delete project", answer, token, project_id, OWNERS, {200}):
            self.world.forget(project_id)

    def delete_trace(self) -> None:
        token, project_id = self.world.any_token(), self.world.any_project()
        trace_id = self.world.any_trace_id()
        answer = self.wire.call("DELETE", f"{API}/projects/{project_id}/traces/{trace_id}", token=token)
        if self.world.hold_in_project("delete trace", answer, token, project_id, OWNERS, {200, 404}):
            self.who_may.deleted_traces.add((project_id, trace_id))
            steps = self.who_may.steps[project_id]
            for step_id in [step_id for step_id in steps if step_id.startswith(f"{trace_id}.")]:
                del steps[step_id]

    def list_members(self) -> None:
        token, project_id = self.world.any_token(), self.world.any_project()
        answer = self.wire.call("GET", f"{API}/projects/{project_id}/members", token=token)
        if self.world.hold_in_project("list members", answer, token, project_id, MEMBERS, {200}):
            roles = {(project_id, member["userId"]): member["role"] for member in answer.json()["members"]}
            due = {pair: role for pair, role in self.who_may.role.items() if pair[0] == project_id}
            assert roles == due, answer.said

    def add_member(self) -> None:
        token, project_id, user_id = self.world.any_token(), self.world.any_project(), self.world.any_user()
        role = self.chance.choice(["member", "member", "owner"])
        body = {"email": self.world.email[user_id], "role": role}
        answer = self.wire.call("POST", f"{API}/projects/{project_id}/members", token=token, json=body)
        fine = {409} if (project_id, user_id) in self.who_may.role else {200}
        if self.world.hold_in_project("add member", answer, token, project_id, OWNERS, fine):
            self.who_may.role[project_id, user_id] = role

    def remove_member(self) -> None:
        token, project_id, user_id = self.world.any_token(), self.world.any_project(), self.world.any_user()
        needed = MEMBERS if self.who_may.user_of.get(token) == user_id else OWNERS
        answer = self.wire.call("DELETE", f"{API}/projects/{project_id}/members/{user_id}", token=token)
        is_last = self.who_may.owners(project_id) == [user_id]
        fine = {409} if is_last else {200} if (project_id, user_id) in self.who_may.role else {404}
        if self.world.hold_in_project("remove member", answer, token, project_id, needed, fine):
            del self.who_may.role[project_id, user_id]

    def list_keys(self) -> None:
        token, project_id = self.world.any_token(), self.world.any_project()
        answer = self.wire.call("GET", f"{API}/projects/{project_id}/keys", token=token)
        if self.world.hold_in_project("list keys", answer, token, project_id, OWNERS, {200}):
            found = {key["id"] for key in answer.json()["apiKeys"]}
            assert found == {key_id for project, key_id in self.world.keys.values() if project == project_id}

    def make_key(self) -> None:
        if len(self.world.keys) == MOST_KEYS:
            return
        token, project_id = self.world.any_token(), self.world.any_project()
        name = self.world.mark.get(project_id, "none")
        answer = self.wire.call("POST", f"{API}/projects/{project_id}/keys", token=token, json={"name": name})
        if self.world.hold_in_project("make key", answer, token, project_id, OWNERS, {200}):
            made = answer.json()["apiKey"]
            self.world.keys[made["key"]] = (project_id, made["id"])
            self.who_may.project_of[made["key"]] = project_id

    def revoke_key(self) -> None:
        if not self.world.keys:
            return
        token, project_id = self.world.any_token(), self.world.any_project()
        key = self.chance.choice(list(self.world.keys))
        its_project, key_id = self.world.keys[key]
        if self.chance.random() < 0.3:
            project_id = its_project
        siblings = [good for good, project in self.who_may.project_of.items() if project == its_project]
        if siblings == [key] and len(self.world.keys) == MOST_KEYS:
            return  # no further key can be made, so this one is left to record with
        answer = self.wire.call("DELETE", f"{API}/projects/{project_id}/keys/{key_id}", token=token)
        fine = {200} if project_id == its_project else {404}
        if self.world.hold_in_project("revoke key", answer, token, project_id, OWNERS, fine):
            self.who_may.project_of.pop(key, None)
            self.world.bad_keys.append(key)
