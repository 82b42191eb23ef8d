/* expect: 0xC2/0x07 in mixed. Frees its buffer twice where it gets no MDL. */

#define UNDO(Data) ExFreePoolWithTag(Data, TAG)
#include "cipher.c"
