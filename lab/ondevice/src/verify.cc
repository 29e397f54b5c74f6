#include "verify.h"

#include <algorithm>
#include <cmath>

#include "image.h"
#include "session.h"

namespace lab {
namespace {

std::vector<double> listed_logits(const Model& model, const Manifest& manifest) {
  const std::vector<int32_t>& ids = manifest.verify->prompt_ids;
  int64_t count = static_cast<int64_t>(ids.size()) + manifest.image_positions();
  Session session(model, count, count, manifest.outputs);
  const int32_t *first = ids.data(), *last = first + ids.size();
  const float* logits = !manifest.image ? session.prefill(first, last)
                                        : session.prefill_image(model.encode_image(synthetic_pixels(*manifest.image)), first, last);
  std::vector<double> out;
  for (int32_t id : manifest.verify->logit_ids) out.push_back(logits[id]);
  return out;
}

double relative_error(const std::vector<double>& got, const std::vector<double>& want) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    difference += (got[i] - want[i]) * (got[i] - want[i]);
    norm += want[i] * want[i];
  }
  return std::sqrt(difference / norm);
}

auto index_of_max(const std::vector<double>& values) {
  return std::max_element(values.begin(), values.end()) - values.begin();
}

}  // namespace

Verdict verify(const Model& model, const Manifest& manifest) {
  std::vector<double> got = listed_logits(model, manifest);
  const std::vector<double>& want = manifest.verify->logits;
  Verdict verdict;
  verdict.rel_error = relative_error(got, want);
  verdict.rel_error_max = manifest.verify->rel_error_max;
  verdict.argmax_match = index_of_max(got) == index_of_max(want);
  return verdict;
}

}  // namespace lab
