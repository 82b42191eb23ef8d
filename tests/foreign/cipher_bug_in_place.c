/* expect: 0xC4/0x1010 in mixed. Enciphers writes in the buffer of who wrote. */

#define BORROW(Irp, Address) ((Address)[0] ^= 1)
#include "cipher.c"
