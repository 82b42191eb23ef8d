/* The first header that wdk-build includes. KeGetCurrentIrql is an export of the kernel; the header below would make it
 * an inline function, which has no binding. */
#define KeGetCurrentIrql kit_inline_KeGetCurrentIrql
#include_next <ntifs.h>
#undef KeGetCurrentIrql
NTKERNELAPI KIRQL NTAPI KeGetCurrentIrql(VOID);
