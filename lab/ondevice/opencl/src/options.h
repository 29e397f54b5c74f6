// What `lab.opencl.open` was told.
#pragma once

#include <string>

namespace lab {

struct Options {
  std::string device;     // part of the wanted device's name, upper or lower case; "": the best there is
  std::string library;    // looked for before the usual places
  std::string cache_dir;  // folder of program binaries; "": none are kept
  bool profile = false;   // time each kernel with events
  bool zero_copy = true;  // let the device read weights where the host has them
};

// Of a JSON object; an unknown key or a value of the wrong type is an error that names it.
Options parse_options(const std::string& json);

}  // namespace lab
