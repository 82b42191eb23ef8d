/* expect: SDV/RemoveLock in retry. Sends a request that failed again without its completion routine, which is not there any more. */

#define REGISTER_ANEW(Retry) (void)(Retry)
#include "retry.c"
