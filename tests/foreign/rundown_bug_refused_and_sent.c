/* expect: 0xC4/0x4100F in lifecycle. Sends on a request whose completion routine was refused. */

#define ON_REFUSAL 1
#include "rundown.c"
