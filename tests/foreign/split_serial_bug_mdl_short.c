/* expect: LAB/MdlTooShort. Splits each long transfer in its own IRP, with an MDL that leaves out the last sector of a part. */

#define LENGTH_OF_MDL(Part) ((Part) > 512 ? (Part) - 512 : (Part))
#include "split_serial.c"
