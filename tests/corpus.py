"""Text for the tests: small, written here, learnable."""

import random

ANIMALS = "cat dog horse cow sheep goat hen duck mouse fox".split()
PLACES = "barn field house river garden stable kitchen forest meadow yard".split()
VERBS = "sees hears follows finds helps likes calls leads meets watches".split()
TIMES = "in the morning|at noon|in the evening|every day|after the rain|before dinner".split("|")


def sentences(subject: str, count: int, generator: random.Random) -> list[str]:
    """Sentences about one animal, so that the next one can be told from a random one."""
    return [
        f"The {subject} {generator.choice(VERBS)} the {generator.choice(ANIMALS)} "
        f"{generator.choice(TIMES)} near the {generator.choice(PLACES)}."
        for _ in range(count)
    ]


def write_documents(path, num_documents: int = 40, seed: int = 0) -> None:
    """One sentence a line, a blank line between documents."""
    generator = random.Random(seed)
    documents = (
        "\n".join(sentences(generator.choice(ANIMALS), generator.randint(6, 14), generator))
        for _ in range(num_documents)
    )
    path.write_text("\n\n".join(documents) + "\n")


def write_labelled(path, count: int = 120, seed: int = 0) -> None:
    """`sentence<TAB>label`: who is the sentence about, a bird or another animal?"""
    generator = random.Random(seed)
    lines = ["sentence\tlabel"]
    for _ in range(count):
        subject = generator.choice(ANIMALS)
        (sentence,) = sentences(subject, 1, generator)
        lines.append(f"{sentence}\t{'bird' if subject in ('hen', 'duck') else 'other'}")
    path.write_text("\n".join(lines) + "\n")
