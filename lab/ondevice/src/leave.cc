#include "leave.h"

#include <unistd.h>

namespace lab {

int leave(int code) { _exit(code); }

}  // namespace lab
