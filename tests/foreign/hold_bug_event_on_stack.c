/* expect: 0xC9/0x209 in lifecycle. Waits a moment only for a request that has an event on its stack, and goes on with the request that is still below. */

#define PATIENCE (&(LARGE_INTEGER){ .QuadPart = -10 })
#include "own_count.c"
