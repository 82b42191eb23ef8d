/* expect: 0xD5 in lifecycle. Looks into its extension when REMOVE_DEVICE has deleted the device. */

#define AFTER_PNP(Filter, Minor) ((Minor) == IRP_MN_REMOVE_DEVICE ? (void)((Filter)->Starts = 0) : (void)0)
#include "resource_start.c"
