/* expect: 0xC4/0x2000F in lifecycle. Waits in the DPC of its timer. */

#define AT_TICK(Filter) KeDelayExecutionThread(KernelMode, FALSE, &(LARGE_INTEGER){ .QuadPart = -10 })
#include "csq_timer.c"
