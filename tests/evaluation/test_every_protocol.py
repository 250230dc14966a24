"""Every protocol that can be named is run; nothing in the room is beyond the reach of script and test.

DistDepth's script has an evaluation of several frames that raises when it is called, which nobody does (spec D.10.18).
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from selfsup_depth.evaluation.protocols import PROTOCOLS
from splits import read_split
from tests.evaluation.running import run

ROOT = Path(__file__).parents[2]
ROOM = ROOT / "selfsup_depth" / "evaluation"
#: protocols of one list; any other can be asked for by its name on a data set without one
LISTS = ("eigen", "eigen_benchmark", "benchmark")
COUNTS = {"eigen": len(read_split("eigen", "test")), "eigen_benchmark": len(read_split("eigen_benchmark", "test"))}

pytestmark = pytest.mark.usefixtures("in_tmp_path")


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_is_run(name: str) -> None:
    protocol, count = PROTOCOLS[name], COUNTS.get(name, 1)
    height, width = protocol.truth_size or (40, 60)
    truth = np.full((height, width), 4.0, np.float32)
    truth[:, width // 2 :] = 8.0
    asked = {"eval_split": name} if name in LISTS else {"dataset": "motorcycle", "protocol": name}
    options: dict[str, object] = {**asked, "ext_disp_to_eval": Path("stored.npy"), "eval_out_dir": Path("out")}
    if protocol.ground_truth == "none":
        np.save("stored.npy", np.full((500, 2, 4), 0.25, np.float32))
        assert run(eval_stereo=True, **options)[0] is None
        assert len(list(Path("out/benchmark_predictions").iterdir())) == 500
        return
    np.savez("gt.npz", data=np.broadcast_to(truth, (count, height, width)))
    np.save("stored.npy", np.broadcast_to(1 / (0.5 * truth[:4]), (count, 4, width)))
    for disabled, expected in ((False, 0.0), (True, 0.5)) if protocol.metric else ((False, 0.0),):
        result, text = run(gt_path=Path("gt.npz"), eval_mono=True, disable_median_scaling=disabled, **options)
        assert result is not None and result.protocol.name == name and result.scored_count == count
        assert result.headline.abs_rel == pytest.approx(expected, abs=1e-6)
        assert "abs_rel" in text


def test_nothing_is_defined_that_nobody_calls() -> None:
    written = [path.read_text() for folder in ("selfsup_depth", "trainer", "benchmarks", "tests") for path in
               (ROOT / folder).rglob("*.py")] + [path.read_text() for path in ROOT.glob("*.py")]  # fmt: skip
    named = Counter(word for text in written for word in re.findall(r"\w+", text))
    defined = [
        node.name
        for path in ROOM.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("__")
    ]
    assert len(defined) > 100
    assert [name for name in defined if named[name] < 2] == []
