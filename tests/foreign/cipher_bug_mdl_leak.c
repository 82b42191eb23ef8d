/* expect: 0xC4/0x62 in lifecycle. Does not free the MDL of the writes that it enciphers. */

#define FREE_MDL(Mdl) (void)(Mdl)
#include "cipher.c"
