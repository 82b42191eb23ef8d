/* expect: 0x7F/0x08 in retry. Sends a request that failed again in its completion routine, for ever: deeper each time that it fails at once. */

#define IS_SENT_AGAIN(Retry, Irp) (IsTransient((Irp)->IoStatus.Status) || (Irp)->IoStatus.Status == STATUS_NO_SUCH_DEVICE || (Irp)->IoStatus.Status == STATUS_DEVICE_DOES_NOT_EXIST)
#define WAIT(Retry) SendAgain(Retry)
#include "retry.c"
