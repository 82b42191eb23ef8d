/* expect: 0xC4/0x1008 in lifecycle. Acquires two locks in one order for a write and in the other in its DPC. */

#define PEEK(Filter) do { KeAcquireSpinLockAtDpcLevel(&(Filter)->Inner); KeAcquireSpinLockAtDpcLevel(&(Filter)->Outer); \
    KeReleaseSpinLockFromDpcLevel(&(Filter)->Outer); KeReleaseSpinLockFromDpcLevel(&(Filter)->Inner); } while (0)
#include "dpc_each.c"
