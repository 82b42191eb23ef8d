/* expect: SDV/IoAllocateForward. Splits each long transfer, and sends the parts without a routine that would take them back. */

#define SET_ROUTINE(Part) ((void)PartDone)
#include "split_window.c"
