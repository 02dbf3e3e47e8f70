r"""Explains a model's answers: which words speak for them, what its heads attend to, what it knows.

    echo "a moving film" | python scripts/explain.py --model=work/sst2
    python scripts/explain.py --model=work/sst2 --input=dev.tsv --output=explained.jsonl \
        --page=explained.html --methods=integrated_gradients,occlusion --train_data=train.tsv
    python scripts/explain.py --model=work/ner --input=texts.txt --page=entities.html
    echo "The [MASK] sat on the mat." | python scripts/explain.py --model=work/mini

--model is a model folder, a work directory or a checkpoint of another project, with a head for
labels, numbers, tags or questions, or one that guesses masked words. The input is read as
predict.py reads it.

For each answer it lists the words of the text and the contribution of each word. A positive one
speaks for the answer. Methods: integrated_gradients (its contributions sum to the model's belief
minus its belief without any word; the error of this sum is the completeness gap), gradient_x_input,
occlusion, shapley, rollout. The page colours the words. It also measures each method: how much
belief the model loses without the most important words, compared with a random order of the words.

    python scripts/explain.py --show=attention --model=work/sst2 --input=texts.txt \
        --page=attention.html

--show=attention takes any model. It prints for each head what it attends to, as means over all
texts: distance, entropy, and the shares on separators, on the previous and the next token, and on
the token itself. The page shows all heads for the first texts (up to 512 tokens each), and one head
in detail.

    python scripts/explain.py --show=probes --model=MODEL --input=eng.testa --page=probes.html

--show=probes takes any model and a labelled file of finetune.py: a table of texts with labels, or
tagged words. For each layer it trains a linear classifier and prints its accuracy, the accuracy on
the control task of Hewitt and Liang, and the difference, which is called selectivity.
"""

import json

import reading_flags
from absl import flags

from bert_tf import app
from bert_tf.data import labelled
from bert_tf.explanation import BASELINES, METHODS

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "The model whose answers are explained; see above.")
flags.DEFINE_enum("show", "words", ("words", "attention", "probes"), "What to show; see above.")
flags.DEFINE_string("input", None, "A file of texts or a table; default: standard input.")
reading_flags.define(
    labelled.FORMATS,
    "How the input is read: lines, or a table in this format. auto: the name says it; a name that "
    "says nothing and standard input are lines.",
    "the input",
)
flags.DEFINE_string("output", None, "File for the JSON lines; default: standard output.")
flags.DEFINE_string("page", None, "File for an HTML page; default: none.")
flags.DEFINE_list(
    "methods",
    ["integrated_gradients"],
    "Some of " + "; ".join(f"{name}: {meaning}" for name, meaning in METHODS.items()) + ".",
)
flags.DEFINE_enum(
    "baseline",
    "mask",
    BASELINES,
    "What replaces a word that is taken away: the vector of the mask token, of padding, or zeros.",
)
flags.DEFINE_string(
    "target",
    "",
    "Explain this answer, not the one that the model gives: a label, a tag, a token, 'no answer'.",
)
flags.DEFINE_integer(
    "steps",
    16,
    "Steps of integrated gradients. They are doubled until the gap is small.",
    lower_bound=1,
)
flags.DEFINE_integer(
    "most_steps", 512, "The most steps. The page marks answers with a larger gap.", lower_bound=1
)
flags.DEFINE_float(
    "largest_gap",
    0.02,
    "The largest accepted completeness gap, as a share of the belief.",
    lower_bound=0.0,
)
flags.DEFINE_integer(
    "budget", 256, "Model calls of the method shapley for each answer.", lower_bound=2
)
flags.DEFINE_integer(
    "most_answers", 10, "The most answers that are explained for each text.", lower_bound=1
)
flags.DEFINE_bool(
    "flips",
    True,
    "Find the fewest words whose removal changes the answer, and the fewest that change it with "
    "like words (by the model's table of words) in their places.",
)
flags.DEFINE_string("train_data", None, "Training data: list the nearest examples of each text.")
flags.DEFINE_integer("num_nearest", 5, "How many nearest examples are listed.", lower_bound=1)
flags.DEFINE_integer("seed", 0, "Seed of all random choices.", lower_bound=0)
flags.DEFINE_string("strategy", "auto", "Which devices share the work, as in evaluate.py.")
flags.mark_flags_as_required(["model"])


def main(argv):
    del argv
    from bert_tf.workflows import explaining
    from bert_tf.workflows.predicting import Source

    app.check_output(FLAGS.output, [FLAGS.input, FLAGS.train_data])
    app.check_output(FLAGS.page, [FLAGS.input, FLAGS.train_data], "page")
    if FLAGS.page and FLAGS.page == FLAGS.output:
        raise ValueError(f"--page and --output are both {FLAGS.page}. Expected two names.")
    source = Source(FLAGS.input, reading_flags.reading(), reading_flags.SETTINGS)
    loaded = explaining.load(FLAGS.model, FLAGS.strategy)
    if FLAGS.show == "probes":
        from bert_tf.workflows import probing

        _write(probing.probe(*loaded[:2], source, FLAGS.page, FLAGS.model))
    elif FLAGS.show == "attention":
        _write(explaining.attention(*loaded[:2], source, FLAGS.page, FLAGS.model))
    else:
        _explain(source, *loaded)


def _explain(source, task, model, strategy) -> None:
    import sys

    from bert_tf.explanation.explainer import Explainer
    from bert_tf.inference import rows
    from bert_tf.workflows import explaining

    task = rows.for_reading(task, source.reading, source.settings)
    explainer = Explainer(task, model, _settings(), strategy)
    run = explaining.Run(explainer, measures=bool(FLAGS.page))
    if FLAGS.train_data:
        neighbours = explaining.Neighbours(FLAGS.train_data, FLAGS.num_nearest)
        run.add_neighbours(neighbours, source)
    _write(run.records(explaining.read(task, source), source.name))
    if FLAGS.page:
        run.write_page(FLAGS.page, f"Why: {FLAGS.model}")
    print(_told(run.summary()), file=sys.stderr)


def _settings():
    from bert_tf.explanation.explainer import Settings

    return Settings(
        methods=tuple(FLAGS.methods),
        baseline=FLAGS.baseline,
        wanted=FLAGS.target,
        steps=FLAGS.steps,
        largest_gap=FLAGS.largest_gap,
        most_steps=max(FLAGS.most_steps, FLAGS.steps),
        budget=FLAGS.budget,
        most_answers=FLAGS.most_answers,
        seed=FLAGS.seed,
        flips=FLAGS.flips,
    )


def _write(records) -> None:
    """Writes JSON lines to --output, or prints them as they come."""
    lines = (json.dumps(record, ensure_ascii=False) for record in records)
    if FLAGS.output:
        app.write_lines(FLAGS.output, lines)
        return
    for line in lines:
        print(line, flush=True)


def _told(summary: dict) -> str:
    lines = [f"{summary['num_answers']} answers to {summary['num_texts']} texts"]
    if "largest_gap" in summary:
        lines.append(
            f"completeness gap: median {summary['median_gap']:.2%}, "
            f"largest {summary['largest_gap']:.2%}"
        )
    for method, scores in summary["faithfulness"].items():
        lines.append(f"{method}: {_scores(scores)}")
    for one in summary["by_answer"] if len(summary["by_answer"]) > 1 else ():
        stay = f"{one['without_words']:.0%} of them given without any word too"
        lines.append(f"answer {one['answer']}: {one['answers']}, {stay}")
        for method, scores in one["faithfulness"].items():
            lines.append(f"  {method}: {_scores(scores)}")
    return "\n".join(lines)


def _scores(scores: dict) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in scores.items())


if __name__ == "__main__":
    app.run(main, reading_flags.take_settings)
