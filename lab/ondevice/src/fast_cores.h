// Which cores threads run on, where a program may only ask.
#pragma once

#if defined(__APPLE__)
#include <pthread.h>
#include <pthread/qos.h>
#endif

namespace lab {

// Asks for the processor's fast cores for the calling thread. macOS has no affinity of threads: it puts them on fast or
// slow cores by how much a person waits for them, their class of service. Elsewhere nothing has to be asked.
inline void want_fast_cores() {
#if defined(__APPLE__)
  pthread_set_qos_class_self_np(QOS_CLASS_USER_INTERACTIVE, 0);  // a wish, so not checked
#endif
}

}  // namespace lab
