/* expect: 0xC4/0x105. A worker reads a sector ahead behind each read, and frees the IRP like any pool. */

#define FREE_IRP(Irp) ExFreePool(Irp)
#include "worker_reads.c"
