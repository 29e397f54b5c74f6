#include "trial.h"

#include <algorithm>
#include <vector>

namespace lab {

size_t fastest_of(size_t candidates, const Try& rate) {
  std::vector<double> best(candidates, 0);
  for (size_t turn = 0; turn < candidates * kTrials; ++turn) {
    double& one = best[turn % candidates];
    one = std::max(one, rate(turn % candidates, turn));
  }
  return static_cast<size_t>(std::max_element(best.begin(), best.end()) - best.begin());
}

}  // namespace lab
