"""Layout does not change the maths: replicas, micro-batches, packed rows, XLA, blocks that are
computed twice. `python -m tests.training.layouts` compares all of them, these are pairs."""

import numpy as np
import pytest

from tests.training.layouts import STEPS, Layout, batches, differences, run

# With dropout, layouts with as many parts of the global batch draw the same masks. `reference`,
# optimizer, dropout, other settings -> layouts.
FROZEN = {"freeze_embeddings": True, "unfreeze_every": 5, "layer_decay": 0.5, "clip_norm": 0.1}
GROUPS = [
    (Layout(1, 8), "adamw", 0.1, {}, [Layout(4, 2)]),
    (
        Layout(1, 4),
        "sgd",
        0.1,
        {},
        [Layout(2, 2, recompute=True), Layout(1, 4, jit_compile=True, recompute=True)],
    ),
    (Layout(1, 2), "sgd", 0.1, {"dtype": "mixed_bfloat16"}, [Layout(1, 2, recompute=True)]),
    # Clipped: a gradient clipped before it is reduced would differ: the parts' norms are larger.
    (
        Layout(1, 1),
        "adamw",
        0.0,
        {"clip_norm": 0.1},
        [Layout(2, 1, jit_compile=True), Layout(2, 2, packed=True)],
    ),
    (Layout(1, 2), "adamw", 0.1, FROZEN, [Layout(2, 1)]),
    (Layout(1, 2), "muon", 0.1, {}, [Layout(2, 1)]),
]
CASES = [
    pytest.param(reference, layout, *options, id=f"{layout} as {reference}, {options[0]}")
    for reference, *options, layouts in GROUPS
    for layout in layouts
]


@pytest.mark.parametrize(("reference", "layout", "name", "dropout", "changes"), CASES)
def test_a_layout_reports_and_trains_what_another_does(reference, layout, name, dropout, changes):
    expected = run(reference, name, dropout, **changes)
    assert expected.curve.shape == (STEPS, 6) and np.isfinite(expected.curve).all()
    values, gradients, weights = differences(run(layout, name, dropout, **changes), expected)
    assert values < 1e-5
    assert gradients < 1e-5
    assert weights < 1e-5


@pytest.mark.parametrize(
    ("reference", "layout", "dropout"),
    [
        (Layout(1, 4), Layout(2, 2), 0.1),
        (Layout(1, 1), Layout(2, 1, jit_compile=True, packed=True), 0.0),
    ],
    ids=str,
)
def test_a_generator_draws_the_same_tokens_on_every_layout(reference, layout, dropout):
    """Losses, and so what was sampled, shares of it, and gradients of both networks."""
    expected = run(reference, "sgd", dropout, objective="replaced_tokens")
    found = run(layout, "sgd", dropout, objective="replaced_tokens")
    assert any(path.startswith("generator/encoder") for path in expected.gradients)
    assert np.isfinite(expected.curve).all()
    assert max(differences(found, expected)) < 1e-5


def test_the_batches_have_parts_without_masked_tokens():
    weights = np.stack([batch["masked_lm_weights"].sum(axis=1) for batch in batches()])
    assert not weights[:, 4:8].any()  # the second of four parts
    assert not weights[::3, 8:].any()  # the second of two
    assert weights.sum(axis=1).min() > 0 and len(set(weights[:, :4].sum(axis=1))) == 5


def test_the_norm_is_that_of_what_moves():
    """The embeddings never do, the block from the sixth step on."""
    result = run(Layout(1, 2), "adamw", 0.1, **FROZEN)
    assert not any("embeddings" in path for path in result.gradients)
    block = [path for path in result.gradients if "/layer_0/" in path]
    assert block and len(block) < len(result.gradients)
    squares = {
        path: (g.reshape(STEPS, -1) ** 2).sum(axis=1) for path, g in result.gradients.items()
    }
    np.testing.assert_allclose(np.sqrt(sum(squares.values())), 0.1, rtol=1e-4)  # as clipped
    moving = np.stack([squares[path] for path in block]).sum(axis=0) > 0
    assert moving.tolist() == [False] * 5 + [True] * 5
