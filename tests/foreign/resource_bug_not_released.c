/* expect: 0xC4/0xC5 in mixed. Returns with its resource acquired, and in its critical region, where a control request failed or pends. */

#define GIVE_BACK(Filter) (void)(Filter)
#include "resource_start.c"
