#include "build_id.h"

#if defined(__linux__)
#include <link.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace lab {
namespace {

struct Search {
  std::string path;
  std::string id;
};

std::string real_path(const char* path) {
  std::unique_ptr<char, void (*)(void*)> resolved(realpath(path, nullptr), std::free);
  return resolved ? resolved.get() : path;
}

size_t padded(size_t size) { return (size + 3) & ~size_t{3}; }

// Walks the notes of one segment for the one of type NT_GNU_BUILD_ID.
std::string id_in_notes(const char* at, size_t size) {
  for (const char* end = at + size; at + sizeof(ElfW(Nhdr)) <= end;) {
    ElfW(Nhdr) note;
    std::memcpy(&note, at, sizeof note);
    const char* name = at + sizeof note;
    const char* bytes = name + padded(note.n_namesz);
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(name, "GNU", 4) == 0) {
      std::string hex;
      for (size_t i = 0; i < note.n_descsz && i < 6; ++i) {
        char digits[3];
        std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(bytes[i]));
        hex += digits;
      }
      return hex;
    }
    at = bytes + padded(note.n_descsz);
  }
  return "";
}

int visit(dl_phdr_info* library, size_t, void* data) {
  Search& search = *static_cast<Search*>(data);
  if (library->dlpi_name == nullptr || real_path(library->dlpi_name) != search.path) return 0;
  for (int i = 0; i < library->dlpi_phnum && search.id.empty(); ++i) {
    const ElfW(Phdr) & segment = library->dlpi_phdr[i];
    if (segment.p_type != PT_NOTE) continue;
    search.id = id_in_notes(reinterpret_cast<const char*>(library->dlpi_addr + segment.p_vaddr), segment.p_memsz);
  }
  return 1;
}

}  // namespace

std::string build_id(const std::string& path) {
  Search search{real_path(path.c_str()), ""};
  dl_iterate_phdr(visit, &search);
  return search.id;
}

}  // namespace lab
#endif  // __linux__
