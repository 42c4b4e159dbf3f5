from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.config import LocalConfig
from cluster.errors import ClusterError
from cluster.local import local_ray, private_environment

PROBE = """
import json, os, pathlib, stat, subprocess, sys
import psutil
from cluster.config import LocalConfig
from cluster.local import local_ray
config = LocalConfig(cpus=1, object_store_bytes=80 * 2**20)
intruder = '''
import os, sys
os.environ["RAY_AUTH_MODE"] = "token"
os.environ["RAY_AUTH_TOKEN"] = "0" * 64
from ray._raylet import GcsClient
try:
    GcsClient(address=sys.argv[1])
except Exception as error:
    print(type(error).__name__)
else:
    print("CONNECTED")
'''
rounds = []
for _ in range(2):
    with local_ray(config) as resources:
        import ray
        token = pathlib.Path(os.environ["RAY_AUTH_TOKEN_PATH"])
        me = psutil.Process()
        family = [me, *me.children(recursive=True)]
        ports = [c.laddr.ip for p in family for c in p.net_connections("inet") if c.status == "LISTEN"]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_AUTH")}
        answer = subprocess.run([sys.executable, "-c", intruder, ray.get_runtime_context().gcs_address],
                                capture_output=True, text=True, env=environment)
        rounds.append({
            "cpus": resources["CPU"],
            "task": ray.get(ray.remote(lambda: 41 + 1).remote()),
            "token_mode": stat.S_IMODE(token.stat().st_mode),
            "folder_mode": stat.S_IMODE(token.parent.stat().st_mode),
            "listening": sorted(set(ports)),
            "intruder": answer.stdout.strip(),
            "folder": str(token.parent),
        })
    rounds[-1]["left"] = token.parent.exists()
    rounds[-1]["children"] = [p.name() for p in me.children(recursive=True) if p.status() != "zombie"]
    rounds[-1]["environment"] = sorted(k for k in os.environ if k.startswith("RAY_AUTH"))
print(json.dumps({"rounds": rounds, "home": sorted(os.listdir(os.path.expanduser("~")))}))
"""


@pytest.mark.ray
def test_s01_a_local_ray_is_private(tmp_path: Path) -> None:
    """Token needed, token 0600 in a folder 0700, loopback only, no dashboard, nothing in HOME, nothing left; twice over."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")} | {
        "HOME": str(tmp_path)
    }
    probe = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, env=environment, timeout=240, check=False
    )
    assert probe.returncode == 0, probe.stderr
    found = json.loads(probe.stdout.strip().splitlines()[-1])
    assert found["home"] == []
    for round_ in found["rounds"]:
        assert round_["cpus"] == 1 and round_["task"] == 42
        assert round_["token_mode"] == 0o600 and round_["folder_mode"] == 0o700
        assert {ip.removeprefix("::ffff:") for ip in round_["listening"]} == {"127.0.0.1"}
        assert round_["intruder"] == "AuthenticationError"
        assert not round_["left"] and round_["children"] == [] and round_["environment"] == []


def test_the_token_is_new_every_time_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    tokens = []
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        path = Path(private_environment(folder)["RAY_AUTH_TOKEN_PATH"])
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        tokens.append(path.read_text())
    assert len(set(tokens)) == 2 and all(len(token) == 64 for token in tokens)


def test_a_long_temp_folder_is_refused_before_ray_hangs_on_it() -> None:
    with pytest.raises(ClusterError, match="too long"), local_ray(LocalConfig(temp_root="/tmp/" + "x" * 80)):
        pass
