"""The layout of a row: which special tokens stand around its texts, and which segment each is.

Every builder of rows asks the layout of its tokenizer: BERT writes `[CLS] A [SEP] B [SEP]`, RoBERTa
`<s> A </s></s> B </s>`. Knows no TensorFlow.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class RowLayout:
    """Ids before, between and after the texts of a row.

    Attributes:
      before: ids before the first text. The first of them is the token that stands for the whole
        row, at position 0.
      between: ids between the two texts of a pair.
      after: ids after the last text. They also stand between two documents of one example of
        running text.
      pad: the id that fills a row up.
      second_segment: the segment id of the second text and of `after` behind it. All else in a row
        is segment 0. A model without segments has 0 here too.

    Raises:
      ValueError: one of the three stretches has no ids.
    """

    before: tuple[int, ...]
    between: tuple[int, ...]
    after: tuple[int, ...]
    pad: int
    second_segment: int = 1

    def __post_init__(self) -> None:
        for name in ("before", "between", "after"):
            if not getattr(self, name):
                raise ValueError(f"RowLayout.{name} is empty; expected at least one token id")

    @property
    def between_documents(self) -> tuple[int, ...]:
        """Ids between two documents of one example of running text."""
        return self.after

    @property
    def special_ids(self) -> tuple[int, ...]:
        """The ids that a layout adds to texts, ascending. They are never masked."""
        return tuple(sorted({*self.before, *self.between, *self.after}))

    @property
    def first_begin(self) -> int:
        """The position of the first token of the first text."""
        return len(self.before)

    def second_begin(self, num_first):
        """The position of the first token of the second text.

        Args:
          num_first: the tokens of the first text; a number, an array or a tensor.
        """
        return num_first + (len(self.before) + len(self.between))

    def num_special_tokens(self, num_texts: int) -> int:
        """How many special tokens a row of one or two texts has."""
        between = len(self.between) if num_texts == 2 else 0
        return len(self.before) + between + len(self.after)

    def room(self, max_seq_length: int, num_texts: int) -> int:
        """How many tokens of texts a row holds.

        Raises:
          ValueError: less than one token a text.
        """
        num_special = self.num_special_tokens(num_texts)
        room = max_seq_length - num_special
        if room < num_texts:
            raise ValueError(
                f"max_seq_length is {max_seq_length}; {num_texts} text(s) with {num_special} "
                f"special tokens need at least {num_special + num_texts}"
            )
        return room
