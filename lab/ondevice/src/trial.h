// A choice by measurement among loops that do the same work.
#pragma once

#include <cstddef>
#include <functional>

namespace lab {

constexpr int kTrials = 3;  // of each candidate

// The work per second of `candidate`; `turn` counts all tries from 0.
using Try = std::function<double(size_t candidate, size_t turn)>;

// The candidate with the fastest try. They are tried by turns, so that what slows the machine down for a moment
// decides nothing.
size_t fastest_of(size_t candidates, const Try& rate);

}  // namespace lab
