/* expect: 0xC4/0x15 in lifecycle. Lets its periodic timer tick on in a device that it deletes. */

#define STOP_TIMER(Filter) (void)(Filter)
#include "csq_timer.c"
