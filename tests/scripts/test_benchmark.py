"""The harness with contestants whose speed is written down; the steps on a tiny model."""

import json
import os
import runpy
import sys

import numpy as np
import pytest

from benchmarks import commands, data, synthetic, train
from bert_tf.config.experiment import (
    BertConfig,
    DataConfig,
    ExperimentConfig,
    TrainConfig,
)
from bert_tf.measuring import child, harness
from bert_tf.measuring.harness import Contestant
from bert_tf.tasks import pretraining
from bert_tf.tasks.pretraining.task import PretrainingModel
from bert_tf.training import flops
from bert_tf.training.step import weights_of
from tests import corpus
from tests.scripts.conftest import ROOT, config_text, ok_here, run_here

TINY_CHILD = """
import sys
from bert_tf.measuring import child

def make_round(settings):
    if settings.get("lacks"):
        import no_such_library
    print("noise of a library")
    figures = iter(settings["figures"])
    return lambda: next(figures), {"library": "tiny"}
"""

TINY = ExperimentConfig(
    model=BertConfig(
        vocab_size=50,
        hidden_size=8,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=20,
        max_position_embeddings=16,
    ),
    data=DataConfig(max_seq_length=16),
    task=pretraining.Config(max_predictions_per_seq=4),
    train=TrainConfig(global_batch_size=2),
)


def fakes(figures):
    """Contestants that answer with what stands in `figures`, and the list of who was asked."""
    asked = []

    def contestant(name, values):
        values = iter(values)

        def measure_round():
            asked.append(name)
            return next(values)

        return Contestant(name, measure_round, info={"of": name})

    return [contestant(name, values) for name, values in figures.items()], asked


def test_contestants_take_turns_and_warm_up_rounds_do_not_count():
    contestants, asked = fakes({"A": [9.0, 1.0, 2.0], "B": [9.0, 3.0, 4.0]})
    figures = harness.measure_in_turn(contestants, harness.Rounds(2, 1))
    assert asked == ["A", "B"] * 3
    assert figures == {"A": [1.0, 2.0], "B": [3.0, 4.0]}


def test_ratios_are_taken_round_by_round():
    """The ratio of the medians would be 1: here one was fast while the other was slow."""
    contestants, _ = fakes({"A": [10.0, 20.0, 40.0], "B": [20.0, 5.0, 40.0], "C": [1.0, 1.0, 1.0]})
    figures = harness.measure_in_turn(contestants, harness.Rounds(3, 0))
    comparison = harness.compare("test", "things/s", contestants, figures)
    first, second = comparison["ratios"]
    assert first["figures"] == [0.5, 4.0, 1.0]
    assert (first["min"], first["median"], first["max"]) == (0.5, 1.0, 4.0)
    assert (second["first"], second["other"], second["median"]) == ("A", "C", 20.0)
    assert [c["median"] for c in comparison["contestants"]] == [20.0, 20.0, 1.0]


def test_two_contestants_of_one_name_or_no_rounds_are_refused():
    contestants, _ = fakes({"A": [1.0]})
    with pytest.raises(ValueError, match="one name: A, A"):
        harness.measure_in_turn(contestants * 2, harness.Rounds(1))
    with pytest.raises(ValueError, match="0 rounds after 1 warm-up rounds; expected at least 1"):
        harness.Rounds(0)


def test_the_table_has_every_contestant_and_its_ratio():
    contestants, _ = fakes({"fast": [3000.0], "slow": [2000.0]})
    figures = harness.measure_in_turn(contestants, harness.Rounds(1, 0))
    comparison = harness.compare("test", "things/s", contestants, figures)
    text = harness.table(comparison, {"of": lambda entry: entry["info"]["of"]})
    title, _, fast, slow, note = text.splitlines()
    assert title.split() == ["test", "min", "median", "max", "of", "ratio", "(min-max)"]
    assert fast.split() == ["fast", "3,000", "3,000", "3,000", "fast"]
    assert slow.split() == ["slow", "2,000", "2,000", "2,000", "slow", "1.50", "(1.50-1.50)"]
    assert "things/s" in note


def test_the_json_file_holds_what_it_was_given_and_its_version(tmp_path):
    path = tmp_path / "new" / "result.json"
    harness.write_json(str(path), {"comparisons": [1, 2]})
    assert json.loads(path.read_text()) == {"format_version": 1, "comparisons": [1, 2]}
    assert [file.name for file in path.parent.iterdir()] == ["result.json"]


@pytest.fixture
def start(tmp_path):
    """`start(settings)`: a child that runs `TINY_CHILD` through the worker."""
    (tmp_path / "tiny_child.py").write_text(TINY_CHILD)
    path = os.pathsep.join([str(ROOT), str(ROOT / "scripts"), str(tmp_path)])
    children = []

    def start(settings):
        worker = [sys.executable, "-m", "bert_tf.measuring.worker", "tiny_child"]
        children.append(child.Child("tiny", [*worker, json.dumps(settings)], {"PYTHONPATH": path}))
        return children[-1]

    yield start
    for process in children:
        process.close()


def test_a_child_answers_round_by_round_and_tells_its_memory(start):
    process = start({"figures": [2.5, 7.5]})
    assert process.info == {"library": "tiny"}
    assert [process.measure_round(), process.measure_round()] == [2.5, 7.5]
    # Less than this process: not what the child had before it became a program of its own.
    assert 2**20 < process.info["peak_memory_bytes"] < child.peak_memory_bytes() / 2


def test_a_child_that_lacks_a_library_is_unavailable_and_says_where(start):
    with pytest.raises(child.UnavailableError, match="no_such_library.*python"):
        start({"lacks": True})


def test_a_program_that_does_not_exist_is_unavailable():
    with pytest.raises(child.UnavailableError, match="/no/python cannot be run: No such file"):
        child.Child("tiny", ["/no/python"])


def test_a_child_that_dies_is_an_error_with_its_last_words(start):
    process = start({"figures": []})
    with pytest.raises(ValueError, match="process of tiny ended with code 1: .*StopIteration"):
        process.measure_round()


def test_contestants_are_what_the_config_asks_for_then_what_is_named():
    def names(words, **changes):
        config = ExperimentConfig(train=TrainConfig(**changes))
        return [entry.name for entry in train.parse_entries(config, words)]

    assert names([]) == ["bert_tf:float32"]
    assert names(["keras_hub", "garden:float32+xla"], dtype="mixed_bfloat16") == [
        "bert_tf:mixed_bfloat16",
        "keras_hub:mixed_bfloat16",
        "garden:float32+xla",
    ]
    assert names(["float32", "bert_tf:all"], jit_compile=True) == [
        "bert_tf:float32+xla",
        "bert_tf:float32",
        "bert_tf:mixed_bfloat16",
        "bert_tf:mixed_bfloat16+xla",
    ]
    assert names(["transformers:all"])[1:] == [
        "transformers:float32",
        "transformers:mixed_bfloat16",
    ]
    with pytest.raises(ValueError, match="transformers has no XLA; expected float32 or"):
        names(["transformers:float32+xla"])
    for wrong in ("float16", "torch", "keras_hub:fast", "garden+xla"):
        with pytest.raises(ValueError, match="unknown contestant"):
            names([wrong])


def test_operations_are_six_times_weights_times_tokens_plus_attention_plus_the_head():
    """Counted here from the variables of a model rather than from formulas."""
    sizes = {p: int(np.prod(w.shape)) for p, w in weights_of(PretrainingModel(TINY)).items()}
    blocks = sum(size for path, size in sizes.items() if "/encoder/layer_" in path)
    head = 50 * 8 + 8 * 8
    scores_and_context = 3 * 2 * (2 * 16 * 16 * 8)  # layers, products, multiply and add
    expected = 2 * (6 * blocks * 16 + 3 * scores_and_context + 6 * head * 4)
    assert flops.step_flops(TINY) == expected


def test_synthetic_batches_are_full_and_within_the_vocabulary():
    config = {
        "train": {"global_batch_size": 3},
        "data": {"max_seq_length": 12},
        "task": {"max_predictions_per_seq": 4},
        "model": {"vocab_size": 30},
    }
    batches = synthetic.batches(config, count=2)
    assert batches["input_ids"].shape == (2, 3, 12)
    assert batches["input_mask"].all() and batches["masked_lm_weights"].all()
    assert batches["input_ids"].min() >= 5 and batches["input_ids"].max() < 30
    positions = batches["masked_lm_positions"]
    assert (np.diff(positions) > 0).all() and positions.min() >= 1 and positions.max() < 12
    assert not np.array_equal(batches["input_ids"][0], batches["input_ids"][1])


@pytest.fixture
def tiny_config(tmp_path):
    path = tmp_path / "tiny.py"
    path.write_text(config_text("pretraining"))
    return path


def test_train_measures_our_step_in_two_settings(tiny_config, tmp_path):
    """In one process, and with a library that is not there: it is left out, with the reason."""
    printed = ok_here(
        "benchmark",
        "train",
        "--noisolate",
        config=tiny_config,
        against="mixed_bfloat16,garden",
        rounds=1,
        steps_per_round=1,
        output=tmp_path / "result.json",
        garden_python="/no/python",
    )
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["format_version"] == 1 and result["benchmark"] == "train"
    assert {"cpu", "cores", "versions", "intra_op_threads", "load_average"} <= set(
        result["machine"]
    )
    assert result["config"]["train"]["dtype"] == "float32"
    steps, best, *ceilings = result["comparisons"]
    names = [entry["name"] for entry in steps["contestants"]]
    assert names == ["bert_tf:float32", "bert_tf:mixed_bfloat16"]
    assert result["left_out"] == {"garden": "/no/python cannot be run: No such file or directory"}
    assert "left out: garden: /no/python cannot be run" in printed
    assert [c["contestants"][0]["name"] for c in ceilings] == ["matmul float32", "matmul bfloat16"]
    for entry in steps["contestants"]:
        (figure,), info = entry["figures"], entry["info"]
        assert info["tokens_per_second"] == pytest.approx(32 * figure)
        expected = figure / 16 * info["model_flops_per_step"] / 1e9
        assert info["gflops_per_second"] == pytest.approx(expected)
        assert 0 < info["share_of_matmul_ceiling"] < 1
    (ratio,) = steps["ratios"]
    first, second = (entry["figures"][0] for entry in steps["contestants"])
    assert ratio["figures"] == [pytest.approx(first / second)]
    assert best["contestants"][0]["figures"] == [max(first, second)]
    for name in names:
        assert name in printed


def test_our_step_is_measured_on_rows_of_text_too(work, tiny_config, tmp_path):
    """Whose tokens are counted without the padding."""
    printed = ok_here(
        "benchmark",
        "train",
        "--noisolate",
        config=tiny_config,
        against="",
        train_data=work / "train",
        rounds=1,
        warmup_rounds=0,
        steps_per_round=2,
        output=tmp_path / "result.json",
    )
    steps, best, _ = json.loads((tmp_path / "result.json").read_text())["comparisons"]
    own = "bert_tf:float32"
    assert [entry["name"] for entry in steps["contestants"]] == [own, f"{own} on train"]
    assert f"{own} on train" in printed
    tokens = [entry["info"]["tokens_per_row"] for entry in steps["contestants"]]
    assert tokens[0] == 32 and 20 < tokens[1] < 32
    for entry in steps["contestants"]:
        rate = entry["figures"][0] * entry["info"]["tokens_per_row"]
        assert entry["info"]["tokens_per_second"] == pytest.approx(rate)
    assert [entry["name"] for entry in best["contestants"]] == [own]


def test_a_step_in_its_own_process_tells_its_peak_memory():
    result = train.run(TINY, [], rounds=harness.Rounds(1, 0), steps_per_round=1)
    (entry,) = result["comparisons"][0]["contestants"]
    assert entry["figures"][0] > 0 and entry["info"]["peak_memory_bytes"] > 100 * 2**20
    assert entry["info"]["trains"] == ["masked_lm_loss", "next_sentence_loss"]


def test_wrong_commands_end_in_one_line():
    for words, said in ((["nonsense"], "nonsense"), (["train"], "train needs --config")):
        process = run_here("benchmark", *words)
        assert process.returncode == 1 and said in process.stderr
        assert "Traceback" not in process.stderr


@pytest.mark.parametrize("own_text", [True, False])
def test_data_measures_tokenizer_builder_and_reader(tmp_path, own_text):
    """On a file that is shorter than what is asked for, and on Python's documentation."""
    corpus.write_documents(tmp_path / "text.txt")
    result = data.run(
        [str(tmp_path / "text.txt")] if own_text else [],
        None,
        megabytes=0.05,
        max_seq_length=32,
        num_workers=2,
        rounds=harness.Rounds(1, 0),
        vocab_size=300,
        step_config=TINY if own_text else None,
    )
    tokenizers, learners, builder, reader = result["comparisons"]
    tokens = {entry["name"]: entry["info"]["tokens"] for entry in tokenizers["contestants"]}
    ours = tokens["bert_tf tokenizer"]
    assert ours == tokens["bert_tf tokenizer with offsets"] == tokens["tokenizers"] > 5000
    own, other = (entry["info"] for entry in learners["contestants"])
    # The words of the small text have no more pieces.
    assert own["tokens"] == other["tokens"] == (164 if own_text else 300)
    assert own["tokens_per_word"] == pytest.approx(other["tokens_per_word"], rel=0.03)
    steps = [entry["name"] for entry in reader["contestants"][1:]]
    assert steps == (["training step"] if own_text else [])
    assert tokens["tensorflow-text"] == pytest.approx(ours, rel=0.001)  # "…" becomes "..."
    assert 50_000 <= result["text"]["bytes"] < 60_000
    assert builder["unit"] == reader["unit"] == "examples/s"
    assert builder["contestants"][0]["info"]["examples"] > 100
    text = data.report(result)
    assert all(name in text for name in ("bert_tf tokenizer", "tokenizers", "builder", "reader"))
    assert ("of the time of a training step" in text) == own_text


def test_whole_commands_are_measured_with_their_memory(work, tmp_path):
    """On our side; Model Garden is left out, with the reason, where it is not installed."""
    text = (work / "train.txt").read_text()
    config = commands.CommandsConfig(
        small_megabytes=0.01, large_megabytes=0.02, flags=("--max_seq_length=32",)
    )
    result = commands.run(
        config,
        [str(work / "train.txt")],
        str(work / "vocab"),
        num_workers=2,
        rounds=harness.Rounds(1, 0),
        garden_python="/no/python",
    )
    assert 10_000 <= result["text"]["small"] < 11_000 < len(text)
    assert 20_000 <= result["text"]["large"] < 21_000
    for comparison, name in zip(result["comparisons"], ("large", "small"), strict=True):
        (entry,) = comparison["contestants"]
        info = entry["info"]
        assert entry["figures"] == [pytest.approx(result["text"][name] / 1e6 / info["seconds"])]
        assert 100e6 < info["peak_memory_bytes"] < 3e9
    assert "/no/python has no official.nlp" in result["left_out"]["Model Garden"]
    assert "peak MB" in commands.report(result) and "left out: Model Garden" in commands.report(
        result
    )


def test_commands_that_cannot_be_measured_say_why(work, tmp_path):
    (tmp_path / "text.txt").write_text("A line.\n\nAnother.\n")
    config = commands.CommandsConfig(small_megabytes=1e-6, large_megabytes=9e-6)
    settings = {"num_workers": 1, "rounds": harness.Rounds(1, 0)}
    with pytest.raises(ValueError, match="MB short of 10.0 MB"):
        commands.run(
            commands.CommandsConfig(large_megabytes=1),
            [str(tmp_path / "text.txt")],
            str(work / "vocab"),
            **settings,
        )
    with pytest.raises(ValueError, match="(?s)ended with 1: .*error: "):
        commands.run(config, [str(tmp_path / "text.txt")], str(work / "vocab"), **settings)


def test_the_config_of_the_commands_has_the_settings_of_the_comparison():
    path = ROOT / "configs/benchmark/create_pretraining_data.py"
    config = runpy.run_path(str(path))["get_config"]()
    assert (config.small_megabytes, config.large_megabytes) == (10, 126)
    assert {"--max_seq_length=128", "--dupe_factor=1"} <= set(config.flags)
    assert "--max_predictions_per_seq=20" in config.garden_flags


def test_the_configs_are_the_published_sizes_in_the_batches_they_name():
    for name, layers, hidden, batch in (("l4_h256", 4, 256, 32), ("l12_h768", 12, 768, 8)):
        config = runpy.run_path(str(ROOT / f"configs/benchmark/{name}.py"))["get_config"]().check()
        model = config.model
        assert (model.num_hidden_layers, model.hidden_size) == (layers, hidden)
        assert config.train.global_batch_size == batch
        assert (config.data.max_seq_length, config.task.max_predictions_per_seq) == (128, 20)
