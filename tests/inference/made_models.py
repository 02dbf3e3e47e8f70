"""A comparison of models with made-up numbers."""


def made() -> dict:
    """A result of three models, of which the last is beaten by both."""
    entries = []
    for place, (score, latency) in enumerate([(0.875, 16.0), (0.75, 4.0), (0.75, 20.0)]):
        speed = {
            "median_ms": latency,
            "p99_ms": 2 * latency,
            "texts_per_second": 1000 / latency,
            "requests": 50,
            "ratio": {"median": 16 / latency, "min": 1.0, "max": 4.0} if place else None,
        }
        change = {"difference": score - 0.875, "low": -0.25, "high": 0.0, "p_value": 0.125}
        entries.append(
            {
                "name": f"model <{place}>",
                "path": "work/" + "long" * place * 20,
                "form": "litert",
                "precision": "dynamic_int8",
                "score": score,
                "low": score - 0.0625,
                "high": score + 0.0625,
                "difference": change if place else None,
                "scores": {"accuracy": score, "f1": 0.5},
                "parameters": 22_000_000,
                "flops": 1.5e9,
                "bytes": 90 << 20,
                "speed": {"1": speed, "32": speed},
                "memory_bytes": 700 << 20,
                "model_memory_bytes": 200 << 20,
                "load_seconds": 1.5,
                "is_on_front": place < 2,
                "beaten_by": [] if place < 2 else ["model <0>", "model <1>"],
            }
        )
    return {
        "format_version": 1,
        "data": "dev.tsv",
        "rows": 872,
        "unit": "texts",
        "metric": "accuracy",
        "lower_is_better": False,
        "batch_sizes": [1, 32],
        "rounds": 5,
        "num_threads": 2,
        "machine": {"cpu": "a processor", "usable_cores": 2, "load_average": [0.5, 0.5, 0.5]},
        "models": entries,
    }
