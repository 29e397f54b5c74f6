#if defined(__APPLE__)
#include <mach-o/dyld.h>
#include <mach-o/loader.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "build_id.h"

namespace lab {
namespace {

std::string real_path(const char* path) {
  std::unique_ptr<char, void (*)(void*)> resolved(realpath(path, nullptr), std::free);
  return resolved ? resolved.get() : path;
}

std::string first_digits(const uint8_t* uuid) {
  std::string hex;
  for (int i = 0; i < 6; ++i) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", uuid[i]);
    hex += digits;
  }
  return hex;
}

// The id that Apple's linkers stamp: the command LC_UUID behind a loaded file's header.
std::string uuid_of(const mach_header* header) {
  if (header == nullptr || header->magic != MH_MAGIC_64) return "";
  const char* at = reinterpret_cast<const char*>(header) + sizeof(mach_header_64);
  for (uint32_t i = 0; i < header->ncmds; ++i) {
    load_command command;
    std::memcpy(&command, at, sizeof command);
    if (command.cmd == LC_UUID) return first_digits(reinterpret_cast<const uuid_command*>(at)->uuid);
    at += command.cmdsize;
  }
  return "";
}

}  // namespace

std::string build_id(const std::string& path) {
  std::string wanted = real_path(path.c_str());
  for (uint32_t i = 0; i < _dyld_image_count(); ++i) {
    const char* name = _dyld_get_image_name(i);
    if (name != nullptr && real_path(name) == wanted) return uuid_of(_dyld_get_image_header(i));
  }
  return "";
}

}  // namespace lab
#endif  // __APPLE__
