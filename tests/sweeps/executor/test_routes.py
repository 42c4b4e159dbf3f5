from __future__ import annotations

from pathlib import Path
from typing import Any

from liverseg.training.graph import graph_of
from sweeps.executor.routes import Routes
from sweeps.executor.trainer import trial_config
from sweeps.search.driver import DONE, Driver
from sweeps.search.plan import Proposal
from tests.sweeps.executor.attempts import setting
from tests.sweeps.fakes import make_driver
from tests.sweeps.search.test_driver import SPACE, stage


def proposal(architecture: str = "unet", **parameters: Any) -> Proposal:
    return Proposal("t0", 0, "search", architecture, parameters, 42, epochs=2)


def label(sweep: Path, chosen: Proposal) -> str:
    return graph_of(trial_config(chosen.payload(), setting(sweep))).label


def test_a_worker_holds_what_it_said_until_it_is_taken(tmp_path: Path) -> None:
    routes = Routes(setting(tmp_path))
    assert not routes.architectures and not routes.holds(proposal())
    routes.freed({"graphs": [label(tmp_path, proposal(loss="dice"))]})
    assert routes.architectures == {"unet"}
    assert routes.holds(proposal(loss="dice", learning_rate=0.01))
    assert not routes.holds(proposal(loss="ce")) and not routes.holds(proposal("segnet", loss="dice"))
    routes.taken()
    assert not routes.architectures


def test_a_dead_worker_or_another_trainer_holds_nothing(tmp_path: Path) -> None:
    routes = Routes(setting(tmp_path))
    for result in (None, {}, {"graphs": []}):
        routes.freed({"graphs": [label(tmp_path, proposal())]})
        routes.freed(result)
        assert not routes.architectures


def handed_out(driver: Driver, routes: Routes) -> Proposal:
    chosen = driver.next(routes)
    assert isinstance(chosen, Proposal), chosen
    driver.started(chosen.uid)
    return chosen


def test_of_the_queue_the_trial_goes_first_whose_graph_is_there(tmp_path: Path) -> None:
    driver, routes = make_driver(tmp_path, [stage(SPACE, trials=4)], slots=4), Routes(setting(tmp_path))
    first = [handed_out(driver, routes) for _ in range(4)]
    assert [item.architecture for item in first] == ["unet", "segnet", "unet", "segnet"]
    for item in first:
        driver.ended(item.uid, blameless="its machine was lost")
    routes.freed({"graphs": [label(tmp_path, first[1])]})
    assert [handed_out(driver, routes).uid for _ in range(4)] == [first[k].uid for k in (1, 3, 0, 2)]


def test_a_new_trial_is_of_an_architecture_that_is_there(tmp_path: Path) -> None:
    driver, routes = make_driver(tmp_path, [stage(SPACE, trials=6)], slots=6), Routes(setting(tmp_path))
    routes.freed({"graphs": [label(tmp_path, proposal("segnet"))]})
    found = [handed_out(driver, routes).architecture for _ in range(6)]
    assert found == ["segnet", "segnet", "unet", "segnet", "unet", "unet"]
    driver.interrupted = True
    assert driver.next(routes) == DONE
