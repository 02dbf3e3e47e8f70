"""More training rows: copies in which a masked LM has replaced some words (TinyBERT, section 3.2).

Some tokens of a copy are masked, and each is replaced by one of the masked LM's best guesses. Only
words of one token are replaced, by words of one token, so the words keep their places: rows with a
label for each word, or with an answer, stay right. The copies have no labels: what they mean may
have changed, and the teacher says what they mean now.

Reference: Jiao et al. 2019, who mask one word at a time; here the chosen words of a copy are masked
together, which takes one call of the model.

Shape suffixes: R rows, S sequence, P places, K guesses, V vocabulary.
"""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from bert_tf import model_folder, progress
from bert_tf.tasks.task import Task
from bert_tf.tokenization.tokenizer import Tokenizer

_ROWS_PER_CALL = 64


@dataclasses.dataclass(frozen=True)
class Augmenter:
    """Makes the copies.

    Attributes:
      path: of the masked LM.
      copies: how many of each row.
      share: of the words of a row that are replaced, at least one.
      guesses: K, a replacement is drawn from so many best guesses.
      seed: of what is drawn.
    """

    path: str
    copies: int
    share: float
    guesses: int
    seed: int

    def augment(self, arrays: dict[str, np.ndarray], tokenizer: Tokenizer) -> dict[str, np.ndarray]:
        """The arrays of the copies, in the order of the rows, `copies` times.

        Args:
          arrays: rows with `input_ids` and `input_mask`, int32 [R, S].
          tokenizer: of student and teacher.

        Raises:
          ValueError: the model is no masked LM, or has another vocabulary.
        """
        task, model = model_folder.load(self.path)
        self._check(task, tokenizer)
        random = np.random.default_rng(self.seed)
        made = [
            self._copy(model, arrays["input_ids"], arrays["input_mask"], tokenizer, random)
            for _ in range(self.copies)
        ]
        repeated = {name: np.concatenate([rows] * self.copies) for name, rows in arrays.items()}
        return {**repeated, "input_ids": np.concatenate(made)}

    def _check(self, task: Task, tokenizer: Tokenizer) -> None:
        if not hasattr(task.config.task, "masked_lm_prob") or not hasattr(task, "soft_scores"):
            raise ValueError(
                f"--augment_model={self.path} is a {task.config.task.name} model; expected a "
                "masked LM."
            )
        if task.tokenizer.identity != tokenizer.identity:
            raise ValueError(
                f"--augment_model={self.path} has another vocabulary ({len(task.tokenizer)} "
                f"tokens) than the teacher ({len(tokenizer)} tokens); expected the same."
            )

    def _copy(
        self,
        model: keras.Model,
        ids_RS: np.ndarray,
        mask_RS: np.ndarray,
        tokenizer: Tokenizer,
        random: np.random.Generator,
    ) -> np.ndarray:
        """The token ids of one copy of all rows."""
        may_RS = _is_whole_word(ids_RS, mask_RS, tokenizer)
        most = max(1, round(self.share * ids_RS.shape[1]))
        draws_RS = np.where(may_RS, random.random(ids_RS.shape), 2.0)
        places_RP = np.argsort(draws_RS, axis=1)[:, :most]
        wanted_R1 = np.ceil(self.share * may_RS.sum(axis=1, keepdims=True))
        is_used_RP = np.arange(places_RP.shape[1]) < wanted_R1
        choice_RP = random.integers(0, self.guesses, places_RP.shape)
        begins = np.asarray(tokenizer.begins_word, bool).copy()
        begins[list(tokenizer.special_ids)] = False
        copies = ids_RS.copy()
        for rows in progress.parts(len(ids_RS), _ROWS_PER_CALL, unit="rows", description="copying"):
            rest = (ids_RS[rows], mask_RS[rows], places_RP[rows], is_used_RP[rows])
            best_RPK = self._guesses(model, *rest, tokenizer, begins)
            chosen_RP = np.take_along_axis(best_RPK, choice_RP[rows, :, None], axis=2)[..., 0]
            old_RP = np.take_along_axis(ids_RS[rows], places_RP[rows], axis=1)
            new_RP = np.where(is_used_RP[rows], chosen_RP, old_RP).astype(np.int32)
            part = copies[rows]
            np.put_along_axis(part, places_RP[rows], new_RP, axis=1)
            copies[rows] = part
        return copies

    def _guesses(self, model, ids, mask, places, is_used, tokenizer, begins) -> np.ndarray:
        """Int [R, P, K]: the best whole words at the places, which are masked."""
        masked = ids.copy()
        old = np.take_along_axis(ids, places, axis=1)
        np.put_along_axis(masked, places, np.where(is_used, tokenizer.mask_id, old), axis=1)
        batch = {
            "input_ids": tf.constant(masked),
            "input_mask": tf.constant(mask),
            "masked_lm_positions": tf.constant(places, tf.int32),
        }
        logits_RPV = model(batch)["masked_lm_logits"][..., : len(tokenizer)]
        logits_RPV = tf.where(begins, tf.cast(logits_RPV, tf.float32), -1e9)
        return tf.math.top_k(logits_RPV, k=self.guesses).indices.numpy()


def _is_whole_word(ids_RS: np.ndarray, mask_RS: np.ndarray, tokenizer: Tokenizer) -> np.ndarray:
    """Bool [R, S]: tokens that are a whole word."""
    begins_RS = np.asarray(tokenizer.begins_word, bool)[ids_RS]
    is_special_RS = np.isin(ids_RS, list(tokenizer.special_ids))
    is_token_RS = (mask_RS > 0) & ~is_special_RS
    goes_on_RS = is_token_RS & ~begins_RS
    goes_on_RS = np.pad(goes_on_RS[:, 1:], [(0, 0), (0, 1)])
    return is_token_RS & begins_RS & ~goes_on_RS
