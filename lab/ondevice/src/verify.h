// Whether the bundle computes the right thing, asked before anything is timed.
#pragma once

#include "manifest.h"
#include "model.h"

namespace lab {

struct Verdict {
  double rel_error = 0;  // ||got - want|| / ||want|| over the listed logits; NaN when the model gave no number
  double rel_error_max = 0;
  bool argmax_match = false;  // the highest of the listed logits has the same id
  bool passed() const { return rel_error <= rel_error_max; }  // false for NaN
};

// Runs the manifest's prompt through a cache of exactly its length. Its own cache, because a model may choose
// its rotary factors by the cache's length, and the reference values are those of the short prompt.
Verdict verify(const Model& model, const Manifest& manifest);

}  // namespace lab
