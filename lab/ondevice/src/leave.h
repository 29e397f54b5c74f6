// The end of a process that used a GPU.
#pragma once

namespace lab {

// Ends the process at once. Freeing what lies on a device that was lost may never come back, and the exit handlers of
// some drivers crash: either would take the result along.
[[noreturn]] int leave(int code);

}  // namespace lab
