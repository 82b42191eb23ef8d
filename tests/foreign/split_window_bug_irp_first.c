/* expect: 0xD5. Splits each long transfer, and frees the IRP of a part before its partial MDL, which it finds by the IRP. */

#define FREE_PART(Part) do { IoFreeIrp((Part)->Irp); IoFreeMdl((Part)->Irp->MdlAddress); } while (0)
#include "split_window.c"
