/* expect: 0xC4/0x17 in lifecycle. Deletes its device with a resource in the extension that it has not deleted. */

#define DELETE_STATE(Filter) (void)(Filter)
#include "resource_start.c"
