// Plays series of decode steps to the rule that ends a warm-up, four to a round as the runner makes them.
//
// stdin: a line a series: SPREAD CAP NS NS ...; stdout: COUNT STABLE CHANGE SCORE, the last two of the whole series.
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>

#include "settled.h"

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    double spread = 0;
    size_t cap = 0;
    words >> spread >> cap;
    std::vector<double> steps;
    for (double ns; words >> ns;) steps.push_back(ns);
    std::vector<lab::WarmupRound> rounds;
    for (size_t at = 0; at + 4 <= steps.size() && rounds.size() < cap && !lab::is_stable(rounds, spread); at += 4) {
      lab::WarmupRound round;
      for (size_t i = at; i < at + 4; ++i) round.decode_ns.push_back(static_cast<int64_t>(steps[i]));
      rounds.push_back(round);
    }
    lab::Trend trend = lab::trend_of(steps);
    std::printf("%zu %d %.17g %.17g\n", rounds.size(), lab::is_stable(rounds, spread), trend.change, trend.score);
  }
}
