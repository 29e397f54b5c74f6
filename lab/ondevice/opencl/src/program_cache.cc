#include "program_cache.h"

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>

namespace lab {
namespace {

constexpr const char* kMagic = "lab-opencl-program 1\n";

// FNV-1a. It finds damage and makes names; that an entry is the right one is told by its whole key.
uint64_t hash(const std::string& text) {
  uint64_t value = 14695981039346656037u;
  for (unsigned char c : text) value = (value ^ c) * 1099511628211u;
  return value;
}

std::string hex(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(value));
  return text;
}

// The hash of what follows, the key and the binary, the first with its length.
std::string entry(const std::string& key, const std::string& binary) {
  std::string body = std::to_string(key.size()) + "\n" + key + binary;
  return kMagic + hex(hash(body)) + "\n" + body;
}

std::string file_name(const std::string& kernel, const std::string& key) {
  std::string name = kernel.substr(0, 100);
  for (char& c : name) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (!plain) c = '_';
  }
  return name + "-" + hex(hash(key)) + ".clbin";
}

}  // namespace

ProgramCache::ProgramCache(const std::string& folder, const std::string& kernel,
                           const std::vector<std::string>& parts) {
  if (folder.empty()) return;
  for (const std::string& part : parts) key_ += std::to_string(part.size()) + " " + part + "\n";
  path_ = folder + "/" + file_name(kernel, key_);
}

std::string ProgramCache::read() const {
  if (!is_on()) return "";
  std::ifstream file(path_, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  size_t head = entry(key_, "").size();
  if (text.size() <= head) return "";
  std::string binary = text.substr(head);
  return entry(key_, binary) == text ? binary : "";
}

void ProgramCache::write(const std::string& binary) const {
  if (!is_on() || binary.empty()) return;
  std::string part = path_ + "." + std::to_string(getpid()) + ".part";
  std::ofstream file(part, std::ios::binary | std::ios::trunc);
  file << entry(key_, binary);
  file.close();
  if (!file || std::rename(part.c_str(), path_.c_str()) != 0) std::remove(part.c_str());
}

}  // namespace lab
