"""ELECTRA's objective from logits (Clark et al. 2020, section 2), in NumPy."""

import numpy as np


def losses_and_gradients(arrays, weights):
    """({value: as it is reported}, {logits: gradient of the weighted sum of both losses}).

    Args:
      arrays: `masked_lm_logits`, `logits` and `is_replaced` of the model, and the batch.
      weights: of the generator's and of the discriminator's loss.
    """
    generator_loss, generator_gradient = _cross_entropy(
        arrays["masked_lm_logits"], arrays["masked_lm_ids"], arrays["masked_lm_weights"]
    )
    is_real = arrays["input_mask"] * (arrays["input_mask"].sum(axis=1, keepdims=True) > 1)
    logits, replaced = arrays["logits"][is_real > 0], arrays["is_replaced"][is_real > 0] > 0
    probs = 1 / (1 + np.exp(-logits.astype(np.float64)))
    loss = -np.mean(np.where(replaced, np.log(probs), np.log(1 - probs)))
    gradient = np.zeros(arrays["logits"].shape)
    gradient[is_real > 0] = (probs - replaced) / replaced.size
    used = arrays["masked_lm_weights"] > 0
    hits = arrays["sampled_ids"] == arrays["masked_lm_ids"]
    called = logits > 0
    values = {
        "masked_lm_loss": generator_loss,
        "discriminator_loss": loss,
        "discriminator_accuracy": np.mean(called == replaced),
        "discriminator_precision": (called & replaced).sum() / max(called.sum(), 1),
        "discriminator_recall": (called & replaced).sum() / replaced.sum(),
        "sampled_accuracy": hits[used].mean(),
        "replaced": replaced.mean(),
    }
    gradients = {
        "masked_lm_logits": weights[0] * generator_gradient,
        "logits": weights[1] * gradient,
    }
    return values, gradients


def _cross_entropy(logits, labels, weights):
    logits = logits.astype(np.float64)
    probs = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probs /= probs.sum(axis=-1, keepdims=True)
    chosen = np.take_along_axis(probs, labels[..., np.newaxis], axis=-1)[..., 0]
    one_hot = np.eye(logits.shape[-1])[labels]
    gradient = (probs - one_hot) * weights[..., np.newaxis] / weights.sum()
    return -(weights * np.log(chosen)).sum() / weights.sum(), gradient
