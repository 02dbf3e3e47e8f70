"""The settings of token classification."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

from bert_tf.config import ranges
from bert_tf.config.task import Facts as BaseFacts
from bert_tf.config.task import Settings


@dataclasses.dataclass(frozen=True)
class Facts(BaseFacts):
    """Facts of the training file.

    Attributes:
      labels: tags in the order of the logits.
      tag_scheme: scheme of the labels, a value of `Config.tag_scheme`.
    """

    labels: tuple[str, ...] = ()
    tag_scheme: str = "auto"


@dataclasses.dataclass
class Config(Settings):
    """A tag for each word.

    Attributes:
      labels: tags in the order of the logits; empty: the tags of the training file.
      tag_scheme: scheme of the labels: "iob1", "iob2", "bioes", "plain", or "auto": iob2 for a
        training file with entities, otherwise the scheme that the labels show.
      file_tag_scheme: scheme of the tags in the files, with the same names; "auto": detected.
      strict_tags: an invalid tag is an error. By default an invalid tag is read as the beginning of
        an entity, and a warning counts such sentences.
      repair_tags: an older setting, now the default without strict_tags; it has no effect.
      text_column, label_column: numbers of the columns of words and tags, from 1; empty: the first
        and the last. For JSON lines and Parquet, the names of the two lists; empty: usual names.
      tag_names: the names of tags that are numbers, beginning with 0.
      word_prefix: a prefix of every word in the files, which is removed: "en:" in WikiANN.
      document_context: rows span sentences of a document, instead of single sentences.
      doc_stride: tokens between the beginnings of two windows over a text that is longer than a
        row.
      classifier_dropout_prob: dropout of the tokens' outputs.
    """

    labels: tuple[str, ...] = ()
    tag_scheme: str = "auto"
    file_tag_scheme: str = "auto"
    strict_tags: bool = False
    repair_tags: bool = False
    text_column: str = ""
    label_column: str = ""
    tag_names: tuple[str, ...] = ()
    word_prefix: str = ""
    document_context: bool = False
    doc_stride: int = 64
    classifier_dropout_prob: float = 0.1

    RANGES: ClassVar[Mapping[str, ranges.Range]] = {
        "doc_stride": ranges.AT_LEAST_ONE,
        "classifier_dropout_prob": ranges.BELOW_ONE,
    }
    FACTS: ClassVar[type] = Facts
    RECIPE: ClassVar[str] = "finetune/conll2003.py"
    SERVED_AS: ClassVar[str] = "tag"
    READING: ClassVar[tuple[str, ...]] = (
        "file_tag_scheme",
        "strict_tags",
        "repair_tags",
        "text_column",
        "label_column",
        "tag_names",
        "word_prefix",
    )

    def why_not_built(self, facts: Facts) -> str:
        """See `Settings.why_not_built`."""
        return f"a tagger of {len(facts.labels)} label(s)" if len(facts.labels) < 2 else ""

    def task_class(self) -> type:
        """See `Settings.task_class`."""
        from bert_tf.tasks.token_classification.task import TokenClassificationTask

        return TokenClassificationTask
