/* expect: LAB/MdlNotRestored. Splits each long transfer in its own IRP, and leaves the MDL of the last part in it. */

#define RESTORE(Split) (void)(Split)
#include "split_serial.c"
