/* expect: LAB/IrpLost in split. Splits each long transfer, and waits for parts that it does not cancel with their request. */

#define REACHES(Part) (FALSE && (Part)->IsBelow)
#include "split_window.c"
