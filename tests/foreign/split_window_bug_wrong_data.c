/* expect: LAB/DataChanged. Splits each long transfer, and gives each part the first part's data. */

#define DATA_AT(Part) ((Part)->Offset / PartBytes * 512)
#include "split_window.c"
