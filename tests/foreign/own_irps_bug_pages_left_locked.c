/* expect: 0xCB. Reads with an IRP that the I/O manager built at START, and frees its MDL with the pages locked. */

#define UNLOCK(Mdl) (void)(Mdl)
#include "own_irps.c"
