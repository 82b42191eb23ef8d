/* Kernel functions that are newer than the DDK headers. The POOL_FLAG_ values are not here: wdk-sys has them itself. */
#pragma once
typedef ULONG64 POOL_FLAGS;
NTKERNELAPI PVOID NTAPI ExAllocatePool2(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag);
