#include "settled.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace lab {
namespace {

constexpr size_t kRoundsLooked = 3;
constexpr double kChance = 2.576;  // one in a hundred series without a trend scores higher

double middle_slope(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  size_t half = values.size() / 2;
  return values.size() % 2 ? values[half] : (values[half - 1] + values[half]) / 2;
}

}  // namespace

// Mann and Kendall's test and Theil and Sen's slope, on logarithms. They ask for no distribution of the noise, and a
// neighbour who comes or goes in the middle of the series is no trend to them: that step is past, or will come again.
Trend trend_of(const std::vector<double>& times) {
  double n = static_cast<double>(times.size()), rises = 0;
  std::vector<double> slopes;
  for (size_t late = 1; late < times.size(); ++late) {
    for (size_t early = 0; early < late; ++early) {
      rises += (times[late] > times[early]) - (times[late] < times[early]);
      slopes.push_back(std::log(times[late] / times[early]) / static_cast<double>(late - early));
    }
  }
  if (times.size() < 3) return {};
  double variance = n * (n - 1) * (2 * n + 5) / 18;
  double score = std::max(std::fabs(rises) - 1, 0.0) / std::sqrt(variance);
  return {std::expm1(middle_slope(slopes) * (n - 1)), score};
}

bool is_stable(const std::vector<WarmupRound>& rounds, double spread) {
  if (rounds.size() < kRoundsLooked || spread == 0) return false;
  std::vector<double> steps;
  for (size_t i = rounds.size() - kRoundsLooked; i < rounds.size(); ++i) {
    const WarmupRound& round = rounds[i];
    // Who judges texts has prefills alone.
    for (int64_t ns : round.decode_ns.empty() ? std::vector<int64_t>{round.prefill_ns} : round.decode_ns) steps.push_back(static_cast<double>(std::max<int64_t>(ns, 1)));
  }
  Trend trend = trend_of(steps);
  return trend.score <= kChance || std::fabs(trend.change) <= spread;
}

}  // namespace lab
