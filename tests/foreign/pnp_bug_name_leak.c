/* expect: 0xC4/0x62 in lifecycle. Does not free the name of its device interface. */

#define FREE_NAME(Name) (void)(Name)
#include "pnp_answers.c"
