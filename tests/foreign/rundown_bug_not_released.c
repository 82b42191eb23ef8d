/* expect: LAB/IrpLost in lifecycle. Keeps rundown protection where a request fails, and waits for ever in REMOVE_DEVICE. */

#define RELEASE(Filter, Irp) (NT_SUCCESS((Irp)->IoStatus.Status) ? ExReleaseRundownProtection(&(Filter)->Uses) : (void)0)
#include "rundown.c"
