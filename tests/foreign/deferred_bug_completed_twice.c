/* expect: 0x44 in lifecycle. Completes a request twice, in its work item. */

#define END(Irp) IoCompleteRequest(Irp, IO_NO_INCREMENT)
#include "deferred.c"
