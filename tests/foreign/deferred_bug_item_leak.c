/* expect: 0xC4/0x62 in lifecycle. Does not free its work item. */

#define FREE_ITEM(Filter) (void)(Filter)
#include "deferred.c"
