#include "ids.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

#include "failure.h"

namespace lab {

// Steele, Lea, Flood: "Fast splittable pseudorandom number generators" (OOPSLA 2014).
uint64_t splitmix64(uint64_t& state) {
  uint64_t z = (state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

namespace {

int32_t parse_id(const std::string& word, int64_t vocab, const std::string& path) {
  char* end = nullptr;
  errno = 0;
  int64_t id = std::strtoll(word.c_str(), &end, 10);
  if (*end != '\0' || errno != 0 || id < 0 || id >= vocab) {
    throw Failure("ids", path + ": '" + word + "' is no token id below " + std::to_string(vocab));
  }
  return static_cast<int32_t>(id);
}

}  // namespace

std::vector<int32_t> random_ids(uint64_t seed, int64_t count, int64_t vocab) {
  std::vector<int32_t> ids(static_cast<size_t>(count));
  for (int32_t& id : ids) id = static_cast<int32_t>(splitmix64(seed) % static_cast<uint64_t>(vocab));
  return ids;
}

std::vector<int32_t> read_ids(const std::string& path, int64_t count, int64_t vocab) {
  std::ifstream file(path);
  if (!file) throw Failure("ids", path + ": cannot be read");
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::replace(text.begin(), text.end(), ',', ' ');
  std::istringstream stream(text);
  std::vector<int32_t> ids;
  for (std::string word; static_cast<int64_t>(ids.size()) < count && stream >> word;) {
    ids.push_back(parse_id(word, vocab, path));
  }
  if (static_cast<int64_t>(ids.size()) < count) {
    throw Failure("ids", path + ": " + std::to_string(ids.size()) + " ids, but prompt and depth need " +
                             std::to_string(count));
  }
  return ids;
}

}  // namespace lab
