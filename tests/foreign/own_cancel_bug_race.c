/* expect: 0xC9/0x209 in cancel. Takes requests out that are being cancelled: the cancel routine has them too. */

#define IS_OURS(Irp) (IoSetCancelRoutine(Irp, NULL), TRUE)
#include "own_cancel.c"
