/* expect: LAB/PartsBelow in split. Splits each long transfer, and completes it when a part has failed, while others are below. */

#define IS_OVER(Split) ((Split)->Below == 0 || (Split)->StopOffset != (Split)->Length)
#define FREE_PART(Part) do { if (!(Part)->IsBelow) { IoFreeMdl((Part)->Mdl); IoFreeIrp((Part)->Irp); } } while (0)
#include "split_window.c"
