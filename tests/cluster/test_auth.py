from __future__ import annotations

from pathlib import Path

import pytest

from cluster.auth import Door, check_key, read_token_file, refuse_open_door, token, token_environment
from cluster.errors import ClusterError


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path)}


def written(path: Path, text: str = "secret\n", mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_variable_comes_first_then_the_file_then_the_home(home: dict[str, str], tmp_path: Path) -> None:
    assert token(home) is None and token_environment(home) == {}
    own = written(tmp_path / ".ray" / "auth_token", "of the home")
    assert token(home) == "of the home"
    assert token_environment(home) == {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(own)}
    named = home | {"RAY_AUTH_TOKEN_PATH": str(written(tmp_path / "t", "of the file"))}
    assert token(named) == "of the file"
    assert token(named | {"RAY_AUTH_TOKEN": "itself"}) == "itself"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o610])
def test_a_file_that_others_may_read_is_refused_without_showing_it(tmp_path: Path, mode: int) -> None:
    path = written(tmp_path / "t", mode=mode)
    with pytest.raises(ClusterError, match=f"got mode 0{mode:o}.*chmod 600") as refused:
        read_token_file(path)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_file_is_no_token(tmp_path: Path, text: str) -> None:
    with pytest.raises(ClusterError, match="empty"):
        read_token_file(written(tmp_path / "t", text))


def test_a_named_file_must_be_there(home: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="RAY_AUTH_TOKEN_PATH names no file"):
        token_environment(home | {"RAY_AUTH_TOKEN_PATH": str(tmp_path / "none")})


def test_only_a_locked_door_passes_unless_one_insists() -> None:
    refuse_open_door(Door.LOCKED, "h:1", insecure=False)
    refuse_open_door(Door.OPEN, "h:1", insecure=True)
    with pytest.raises(ClusterError, match=r"h:1: the cluster answers without a token.*--insecure-cluster"):
        refuse_open_door(Door.OPEN, "h:1", insecure=False)


def test_without_a_token_nobody_is_asked(home: dict[str, str]) -> None:
    with pytest.raises(ClusterError, match="there is none here"):
        check_key("127.0.0.1:1", home)
