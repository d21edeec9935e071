"""Passwords: what is kept, and that nobody can tell an account that does not exist."""

import pytest
from argon2 import PasswordHasher

from xray_backend.auth.passwords import Passwords
from xray_backend.errors import BadRequest


class CountingHasher(PasswordHasher):
    """Counts the checks, each of which costs the same time."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.checked: list[str] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:
        self.checked.append(str(hash).rpartition("$")[0].rpartition("$")[0])
        return super().verify(hash, password)


def test_a_password_is_kept_as_an_argon2id_hash_that_only_it_matches() -> None:
    passwords = Passwords()
    kept = passwords.hash("correct horse")
    assert kept.startswith("$argon2id$")
    assert "correct" not in kept
    assert passwords.matches(kept, "correct horse")
    assert not passwords.matches(kept, "correct horsf")
    assert not passwords.matches(kept, "")


def test_an_account_that_does_not_exist_costs_the_same_check_as_one_that_does() -> None:
    hasher = CountingHasher()
    passwords = Passwords(hasher)
    kept = passwords.hash("correct horse")
    assert not passwords.matches(kept, "wrong")
    assert not passwords.matches(None, "wrong")
    assert not passwords.matches(None, "the password of nobody")
    assert len(hasher.checked) == 3
    assert len(set(hasher.checked)) == 1


@pytest.mark.parametrize("password", ["", "1234567", "x" * 1025])
def test_a_password_too_short_or_too_long_is_refused(password: str) -> None:
    with pytest.raises(BadRequest, match="8 to 1024"):
        Passwords(CountingHasher()).hash(password)


def test_what_is_no_hash_matches_nothing() -> None:
    assert not Passwords(CountingHasher()).matches("not a hash", "correct horse")
