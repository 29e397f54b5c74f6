"""What the words and abbreviations on tables, dashboards and pages mean: made of the tables that define them."""

from __future__ import annotations

from dataclasses import dataclass

from lab.formats.metrics import metric
from lab.formats.verdicts import VERDICTS, word_label


@dataclass(frozen=True)
class Section:
    """Words of one kind with their meaning, in the order in which they are listed."""

    title: str
    words: tuple[tuple[str, str], ...]


# Statuses of runs, tests and repetitions, as files name them.
STATUSES = {
    "ok": "It gave results.",
    "running": "It has not ended.",
    "interrupted": "A person stopped it; what was measured before is kept.",
    "failed": "It gave no results: it crashed, ran out of memory or time, or the device was lost.",
    "rejected": "Its results contradict themselves (counts, time stamps), so they are not used.",
    "wrong_output": "It computes a wrong output: the logits differ from the reference, so nothing was timed.",
    "not_run": "It was planned, and the run ended before.",
}

# Codes of flags (lab.analysis.run.flags) -> the label of a value on a dashboard, and its meaning.
LABELS = {
    "synthetic": ("random weights", "Speed and memory are valid, generated text is meaningless."),
    "layers": ("N of M layers", "Only a part of the model was measured: never compared with the whole one."),
    "made_up": ("made up", "Written by lab demo: nothing was measured."),
    "emulated": ("emulated", "Measured on an emulated device: its timings say nothing about a real device."),
    "swapped": ("swapped", "The process was swapped out: not comparable."),
    "fell_back": ("fell back", "A GPU was requested, and a CPU computed."),
    "cpu_device": ("cpu device", "OpenCL ran on a CPU: its timings say nothing about a GPU."),
    "throttled": ("throttled", "The clock fell, or the device reported heat that slows it."),
    "slowed": ("slowed", "Late tokens took longer than early ones, with the clock unchanged or not measured."),
    "gate_not_kept": ("busy start", "A repetition started although the device was busy or warm."),
    "cv_over_gate": ("high variation", "The coefficient of variation of the repetitions is above its limit."),
    "tokens_differ": ("outputs differ", "The same input gave different outputs: the build or the device is faulty."),
    "above_roof": ("above roofline", "Decode exceeds the measured memory bandwidth."),
    "prefill_above_roof": ("prefill above roofline", "Prefill exceeds the measured arithmetic peak."),
    "disturbed": ("fault injection", "A test of the bench: something was made to disturb it."),
    "contradictory": ("contradictory", "Imported numbers that contradict each other; left out of every judgement."),
    "impossible": ("impossible", "Imported numbers that no device can reach; left out of every judgement."),
    "cpu_quota": ("cpu quota", "A CPU quota stopped it; token gaps include those stops."),
}

HISTORY = (
    ("change point", "The run from which on a series is at another level, above the threshold and significant."),
    ("level", "The value of a series between two change points."),
    ("step", "The size of the change at a change point."),
    ("open", "A regression that nobody accepted and that is not fixed."),
    ("accepted", "A change point that somebody accepted, with a reason (lab ack)."),
    ("fixed since", "A later change point brought the series back."),
)

METRICS = {
    "prefill_tok_per_s": "Prompt tokens per second, until the first token.",
    "decode_tok_per_s": "Generated tokens per second, after the first.",
    "judgements_per_s": "Texts that are judged per second, of a model that gives scores and makes no tokens.",
    "judgement_s": "Time to judge a text: from the submit to the scores.",
    "ttft_s": "Time to first token.",
    "ttst_s": "Time from the first to the second token.",
    "itl_p50_s": "Inter-token latency, the median; p90 and p99 are its percentiles.",
    "load_s": "Time to load library and weights.",
    "image_s": "Time to encode the image before the prompt.",
    "rss_peak_bytes": "Peak resident memory of the process, by the counter named beside it.",
    "kv_bytes": "Memory of the KV cache.",
    "roof_fraction": "Achieved share of the roofline.",
}

TERMS = (
    ("baseline, candidate", "What is compared with, and what is judged."),
    ("session", "One run of a test; its value is the median over its repetitions."),
    ("repetition", "One measurement in a fresh process."),
    ("series, benchmark", "One target, model, engine, test and metric over time. JSON: cell."),
    (
        "threshold",
        "The smallest change that counts (minimum effect): 5 %, or as lab calibrate learned. JSON: floor.",
    ),
    ("95 % CI", "The 95 % confidence interval of the change."),
    ("significant", "p, adjusted over all series (Benjamini-Hochberg), is at most the significance level."),
    ("CV", "Coefficient of variation: standard deviation divided by mean."),
    ("limit", "What a session must keep: load, temperature, variation. JSON: gate."),
    ("roofline", "The highest rate that measured memory bandwidth and arithmetic peak allow."),
    ("pp512+tg128@d2048", "A test: prefill of 512 tokens, 128 generated, 2048 tokens in the KV cache before."),
)


def legend() -> tuple[Section, ...]:
    """Return every word that people read, by kind."""
    return (
        Section("Verdicts", tuple((row.label, row.meaning) for row in VERDICTS.values())),
        Section("Statuses", tuple((word_label(name), meaning) for name, meaning in STATUSES.items())),
        Section("Labels of a value", tuple(LABELS.values())),
        Section("Histories", HISTORY),
        Section("Terms", TERMS),
        Section("Metrics", tuple((metric(name).title, meaning) for name, meaning in METRICS.items())),
    )


def label_of(code: str) -> str:
    """Return the label of a value that a flag of this code stands for."""
    return LABELS[code][0]
