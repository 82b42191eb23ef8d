/* expect: LAB/Stuck in retry. Sends a request again however often it failed, also to a disk that is gone. */

#define IS_SENT_AGAIN(Retry, Irp) (!NT_SUCCESS((Irp)->IoStatus.Status) && !(Irp)->Cancel)
#include "retry.c"
