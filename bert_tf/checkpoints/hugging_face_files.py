"""Reads the files of a Hugging Face tokenizer, in one form for all kinds of tokenizers.

tokenizer.json has most settings. Older folders have a vocabulary, tokenizer_config.json,
added_tokens.json and special_tokens_map.json. Each kind of tokenizer supports a setting or refuses
it with `Description.refuse`, in one line that names it. No setting is ignored silently.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from bert_tf.checkpoints.source_files import Files
from bert_tf.files import read_json
from bert_tf.tokenization.added_tokens import AddedToken
from bert_tf.tokenization.tokenizer import Tokenizer

TOKENIZER_FILE, CONFIG_FILE = "tokenizer.json", "tokenizer_config.json"
_ADDED_FILE, _SPECIAL_FILE = "added_tokens.json", "special_tokens_map.json"
# The largest published files, with 250,000 tokens, have 35 MB.
_MOST_BYTES = 100_000_000
_ROLES = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
_LONGEST = 10_000_000
_ANY_CLASS = "TokenizersBackend"  # of transformers 5, for whatever tokenizer.json says
_SHOWN = 80  # characters of a setting in an error


@dataclasses.dataclass(frozen=True)
class Description:
    """The files of a tokenizer, except for its vocabulary.

    Attributes:
      folder: their folder.
      whole: tokenizer.json; empty without one.
      config: tokenizer_config.json; empty without one.
      special: {role, such as "mask_token": spelling}, for the roles in the files.
      added: the added tokens with their flags, including special tokens.
    """

    folder: str
    whole: Mapping[str, Any]
    config: Mapping[str, Any]
    special: Mapping[str, str]
    added: tuple[AddedToken, ...]

    def part(self, name: str) -> dict[str, Any]:
        """An object of tokenizer.json, such as "model"; empty if it is null or missing.

        Raises:
          ValueError: it is not an object.
        """
        value = self.whole.get(name)
        if value is not None and not isinstance(value, dict):
            raise self.refuse(TOKENIZER_FILE, name, value, "an object")
        return value or {}

    def refuse(self, file: str, name: str, value: Any, expected: str) -> ValueError:
        """The error for a setting that is not supported.

        Args:
          file: its file.
          name: of the setting.
          value: its value.
          expected: the supported values.
        """
        said = json.dumps(value, ensure_ascii=False, default=str)
        said = said if len(said) <= _SHOWN else said[:_SHOWN] + "..."
        return ValueError(f"{self.folder}/{file}: {name} is {said}; bert_tf reads {expected}.")

    def check(
        self, file: str, values: Mapping[str, Any], name: str, *accepted: Any, of: str = ""
    ) -> None:
        """Refuses `values[name]` if it exists and is not in `accepted`; null is accepted.

        Args:
          file: its file.
          values: an object in the file.
          name: of the setting.
          *accepted: the supported values.
          of: the name of `values` in the file.
        """
        value = values.get(name)
        if value is not None and not any(value is a or value == a for a in accepted):
            said = " or ".join(dict.fromkeys(json.dumps(a) for a in accepted))
            raise self.refuse(file, f"{of}.{name}" if of else name, value, said)

    def parts(self, name: str, inside: str) -> list[dict[str, Any]]:
        """The steps of an object of tokenizer.json: the object, or the flat steps of a Sequence.

        Args:
          name: "normalizer", for example.
          inside: the key of the steps in a Sequence.
        """
        steps, waiting = [], [self.part(name)]
        while waiting:
            part = waiting.pop(0)
            if not isinstance(part, dict):
                raise self.refuse(TOKENIZER_FILE, name, self.whole.get(name), "objects")
            if part.get("type") != "Sequence":
                steps += [part] if part else []
                continue
            more = part.get(inside)
            if not isinstance(more, list):
                raise self.refuse(TOKENIZER_FILE, name, self.whole.get(name), f"a list {inside}")
            waiting = [*more, *waiting]
        return steps

    def check_class(self, *families: str) -> None:
        """Refuses a `tokenizer_class` that cuts text in another way, where nothing else says it.

        Args:
          *families: classes whose tokenizers are those that are read, without "Tokenizer".
        """
        name = self.config.get("tokenizer_class")
        if self.whole or name is None:
            return
        known = {f"{family}Tokenizer" for family in (*families, "PreTrained")}
        if not isinstance(name, str) or name.removesuffix("Fast") not in (*known, _ANY_CLASS):
            expected = f"{', '.join(sorted(known))}, or a tokenizer.json beside it"
            raise self.refuse(CONFIG_FILE, "tokenizer_class", name, expected)

    def check_decoder(self, *accepted: str) -> None:
        """Refuses a decoder of another type; null is accepted."""
        if "decoder" not in self.whole:
            return
        kinds = [part.get("type") for part in self.parts("decoder", "decoders")]
        if kinds and kinds not in [[kind] for kind in accepted]:
            expected = " or ".join(accepted)
            raise self.refuse(TOKENIZER_FILE, "decoder", self.whole["decoder"], expected)


def read(files: Files) -> Description:
    """Reads all existing files.

    Raises:
      ValueError: a file is damaged or too large, or an added token is malformed.
    """
    path = files.find(TOKENIZER_FILE)
    whole = _read(path) if path else {}
    config = _read(files.find(CONFIG_FILE))
    marks = _read(files.find(_SPECIAL_FILE))
    special = {}
    for values in (marks, config):
        special |= {role: text for role in _ROLES if (text := spelling(values.get(role)))}
    more = marks.get("additional_special_tokens") or config.get("additional_special_tokens")
    more = more if isinstance(more, list) else []
    is_special = {*special.values(), *map(spelling, more)}
    listed = _listed(whole, config, path or f"{files.folder}/{CONFIG_FILE}")
    known = {token.content for token in listed}
    path = files.find(_ADDED_FILE)
    for content, number in _read(path).items():
        if content not in known:
            values = {"content": content, "id": number, "special": content in is_special}
            listed.append(AddedToken.from_json(values, f"{path}: {content!r:.60}"))
    return Description(files.folder, whole, config, special, tuple(listed))


def spelling(value: Any) -> str:
    """The spelling of a special token, which is a string, or an object with its content."""
    value = value.get("content") if isinstance(value, dict) else value
    return value if isinstance(value, str) else ""


def _read(path: str | None) -> dict[str, Any]:
    if path is None:
        return {}
    size = tf.io.gfile.stat(path).length
    if size > _MOST_BYTES:
        raise ValueError(
            f"{path}: {size / 1e6:.0f} MB; expected at most {_MOST_BYTES / 1e6:.0f} MB in a file "
            "of a tokenizer."
        )
    return read_json(path)


def _listed(whole: Mapping[str, Any], config: Mapping[str, Any], path: str) -> list[AddedToken]:
    """The added tokens in tokenizer.json, or else in tokenizer_config.json."""
    values = whole.get("added_tokens")
    if values is not None:
        if not isinstance(values, list):
            raise ValueError(f"{path}: added_tokens is {values!r:.60}; expected a list.")
        return [
            AddedToken.from_json(value, f"{path}: added_tokens[{i}]")
            for i, value in enumerate(values)
        ]
    values = config.get("added_tokens_decoder")
    if values is None:
        return []
    if not isinstance(values, dict):
        raise ValueError(f"{path}: added_tokens_decoder is {values!r:.60}; expected an object.")
    listed = []
    for key, value in values.items():
        number = int(key) if key.isascii() and key.isdigit() and len(key) < 10 else key
        value = {**value, "id": number} if isinstance(value, dict) else value
        listed.append(AddedToken.from_json(value, f"{path}: added_tokens_decoder[{key!r:.20}]"))
    return listed


def template(cls: str, sep: str, *, pair: str = "bert") -> dict[str, Any]:
    """The post-processor of tokenizer.json, without ids.

    Args:
      cls, sep: the special tokens.
      pair: "bert" (`[CLS] A [SEP] B [SEP]` with segments) or "roberta" (`<s> A </s></s> B </s>`).
    """

    def mark(name: str, segment: int) -> dict[str, Any]:
        return {"SpecialToken": {"id": name, "type_id": segment}}

    first, second = 0, int(pair == "bert")
    single = [mark(cls, 0), {"Sequence": {"id": "A", "type_id": 0}}, mark(sep, 0)]
    between = [] if pair == "bert" else [mark(sep, first)]
    both = [*single, *between, {"Sequence": {"id": "B", "type_id": second}}, mark(sep, second)]
    return {"type": "TemplateProcessing", "single": single, "pair": both}


def has_template(description: Description, cls: str, sep: str, pair: str) -> bool:
    """Whether the post-processor lays out rows as `template` does."""
    given = _template_of(description)
    if given is None:
        return False
    kind = given.get("type")
    if kind in ("BertProcessing", "RobertaProcessing"):
        found = [spelling_of_pair(given.get(name)) for name in ("cls", "sep")]
        return found == [cls, sep] and kind.lower().startswith(pair)
    expected = template(cls, sep, pair=pair)
    return kind == "TemplateProcessing" and all(given.get(n) == expected[n] for n in expected)


def _template_of(description: Description) -> dict[str, Any] | None:
    """The step that adds special tokens; a ByteLevel step only changes offsets."""
    parts = description.parts("post_processor", "processors")
    parts = [part for part in parts if part.get("type") != "ByteLevel"]
    return parts[0] if len(parts) == 1 else None


def check_template(description: Description, cls: str, sep: str, *pairs: str) -> None:
    """Refuses a post-processor whose rows differ from `template`; null is accepted.

    Args:
      description: of the files.
      cls, sep: the special tokens.
      *pairs: see `template`; any of them is accepted.

    Raises:
      ValueError: see above.
    """
    if not description.parts("post_processor", "processors"):
        return
    if any(has_template(description, cls, sep, pair) for pair in pairs):
        return
    rows = " or ".join(f"{cls} A {sep}{sep if pair == 'roberta' else ''} B {sep}" for pair in pairs)
    given = description.whole["post_processor"]
    raise description.refuse(TOKENIZER_FILE, "post_processor", given, f"rows of the form {rows}")


def check_same_ids(description: Description, tokens: Sequence[str], path: str | None) -> None:
    """Refuses a vocabulary file whose ids differ from tokenizer.json.

    transformers reads tokenizer.json, so one of the two files is not from the model's training.

    Args:
      description: of the files.
      tokens: the tokens of the vocabulary file, in the order of their ids.
      path: the vocabulary file.
    """
    ids = description.part("model").get("vocab")
    if not isinstance(ids, dict):
        return
    for token, number in ids.items():
        is_id = type(number) is int and 0 <= number < len(tokens)
        if not is_id or tokens[number].strip() != token.strip():
            found = repr(tokens[number]) if is_id else "none"
            raise ValueError(
                f"{description.folder}/{TOKENIZER_FILE}: the id {number!r:.20} is {token!r:.50}; "
                f"in {path} it is {found:.50}. Remove the file that is not the model's."
            )


def listed(tokenizer: Tokenizer) -> list[AddedToken]:
    """The special and added tokens of a tokenizer, by id."""
    tokens = {i: tokenizer.special_token(i) for i in tokenizer.special_ids}
    tokens |= {token.id: token for token in tokenizer.added}
    return [tokens[i] for i in sorted(tokens)]


def spelling_of_pair(value: Any) -> Any:
    """The spelling in [spelling, id]."""
    return value[0] if isinstance(value, list) and value else None


def max_length(description: Description) -> int | None:
    """The truncation limit of tokenizer.json, or else model_max_length; None without a limit.

    Raises:
      ValueError: a limit is not a whole number, or truncation removes the beginning of texts.
    """
    truncation, padding = description.part("truncation"), description.part("padding")
    description.check(TOKENIZER_FILE, truncation, "direction", "Right", of="truncation")
    description.check(TOKENIZER_FILE, truncation, "strategy", "LongestFirst", of="truncation")
    description.check(TOKENIZER_FILE, padding, "direction", "Right", of="padding")
    description.check(CONFIG_FILE, description.config, "padding_side", "right")
    description.check(CONFIG_FILE, description.config, "truncation_side", "right")
    limits = (
        (TOKENIZER_FILE, "truncation.max_length", truncation.get("max_length")),
        (CONFIG_FILE, "model_max_length", description.config.get("model_max_length")),
    )
    for file, name, value in limits:
        if value is None:
            continue
        if value in (1e30, int(1e30)):
            continue  # transformers writes this value for "no limit"
        if type(value) is not int or value < 1:
            raise description.refuse(file, name, value, "a whole number from 1 on")
        if value > _LONGEST:
            raise description.refuse(file, name, value, f"at most {_LONGEST:,}")
        return value
    return None
