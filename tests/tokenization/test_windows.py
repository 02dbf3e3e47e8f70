"""Windows against a second implementation, written from run_squad.py of google-research/bert."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bert_tf.tokenization.windows import cut_windows


def reference(lengths, rooms, stride):
    """[(text, begin, tokens, tokens with most context here)] of all windows."""
    rows = []
    for text, (length, room) in enumerate(zip(lengths, rooms, strict=True)):
        begin, windows = 0, []
        while True:
            size = min(length - begin, room)
            windows.append((begin, size))
            if begin + size == length:
                break
            begin += min(room, stride)
        best = {}
        for token in range(length):
            scores = [
                min(token - begin, begin + size - 1 - token) + 0.01 * size
                if begin <= token < begin + size
                else -1
                for begin, size in windows
            ]
            best[token] = int(np.argmax(np.float32(scores)))
        for number, (begin, size) in enumerate(windows):
            tokens = range(begin, begin + size)
            rows.append((text, list(tokens), [best[t] == number for t in tokens]))
    return rows


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12)), min_size=1, max_size=4),
    st.integers(1, 14),
)
def test_windows_are_those_of_the_reference_and_no_token_is_lost(texts, stride):
    lengths, rooms = (list(column) for column in zip(*texts, strict=True))
    found = cut_windows(np.array(lengths, np.int32), np.array(rooms, np.int32), stride)
    begins = np.cumsum([0, *lengths])
    rows = list(
        zip(
            found.texts.numpy().tolist(),
            found.tokens.to_list(),
            found.is_best.to_list(),
            strict=True,
        )
    )
    expected = [
        (text, [begins[text] + t for t in tokens], best)
        for text, tokens, best in reference(lengths, rooms, stride)
    ]
    assert rows == expected
    chosen = [t for _, tokens, best in rows for t, b in zip(tokens, best, strict=True) if b]
    assert sorted(chosen) == list(range(sum(lengths)))
