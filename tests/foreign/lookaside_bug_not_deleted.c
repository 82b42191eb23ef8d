/* expect: LAB/LookasideLeft in lifecycle. Leaves a lookaside list in the extension of a device that it deletes. */

#define DELETE_RECORDS(Filter) (void)(Filter)
#include "lookaside.c"
