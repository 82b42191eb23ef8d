/* expect: 0xC9/0x23D in lifecycle. Does not mark the requests pending that it holds while the device is stopped. */

#define MARK_HELD(Irp) (void)0
#include "own_count.c"
