/* expect: 0xD5 in lifecycle. Leaves a device in the list of its thread when the device is removed. */

#define UNLINK(Filter) (void)(Filter)
#include "perf_list.c"
