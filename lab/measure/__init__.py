"""A session: plan, gates, warm-up, repetitions and samplers become a recorded run."""
