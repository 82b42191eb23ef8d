/* expect: clean. What headers inline: the time at its fixed address, IRQL in CR8, the thread by GS; lists and strings. */

#include <ntstatus.h>
#define FILTER_FIELDS SLIST_HEADER Free; KSPIN_LOCK Lock; LIST_ENTRY List; KSPIN_LOCK ListLock;
#include "filter.h"
#include <stdio.h>
#include <wchar.h>

#define REQUIRE(condition) do { if (!(condition)) KeBugCheckEx(0xE2, __LINE__, 0, 0, 0); } while (0)

typedef struct {
    SLIST_ENTRY Link;
    LIST_ENTRY Entry;
} DECLSPEC_ALIGN(16) ITEM;

static void Times(void)
{
    LARGE_INTEGER before, after, ticks, precise;
    ULONG major = *(volatile ULONG *)(KI_USER_SHARED_DATA + 0x26C);
    UCHAR copy[16];

    KeQuerySystemTime(&before);
    KeStallExecutionProcessor(50);
    KeQuerySystemTime(&after);
    KeQueryTickCount(&ticks);
    KeQuerySystemTimePrecise(&precise);
    REQUIRE(after.QuadPart - before.QuadPart >= 500 && precise.QuadPart >= after.QuadPart);
    REQUIRE(KeQueryInterruptTime() > 0 && major == 10);
    RtlCopyMemory(copy, (PVOID)(KI_USER_SHARED_DATA + 0x26C), sizeof(copy));
    REQUIRE(*(PULONG)copy == major);
}

static void Levels(void)
{
    KIRQL irql, before = KeGetCurrentIrql();

    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    REQUIRE(irql == before && KeGetCurrentIrql() == DISPATCH_LEVEL);
    KeLowerIrql(irql);
    REQUIRE(KeGetCurrentIrql() == before);
    REQUIRE((PVOID)PsGetCurrentThread() == (PVOID)KeGetCurrentThread() && PsGetCurrentThread() != NULL);
}

static void Lists(FILTER *Filter)
{
    ITEM *first = ExAllocatePoolWithTag(NonPagedPool, sizeof(ITEM), TAG);
    ITEM *second = ExAllocatePoolWithTag(NonPagedPool, sizeof(ITEM), TAG);

    if (first != NULL && second != NULL) {
        ExpInterlockedPushEntrySList(&Filter->Free, &first->Link);
        ExpInterlockedPushEntrySList(&Filter->Free, &second->Link);
        REQUIRE(ExQueryDepthSList(&Filter->Free) == 2);
        REQUIRE(ExpInterlockedPopEntrySList(&Filter->Free) == &second->Link);
        REQUIRE(ExpInterlockedFlushSList(&Filter->Free) == &first->Link);
        REQUIRE(ExpInterlockedPopEntrySList(&Filter->Free) == NULL);
        ExInterlockedInsertTailList(&Filter->List, &first->Entry, &Filter->ListLock);
        ExInterlockedInsertHeadList(&Filter->List, &second->Entry, &Filter->ListLock);
        REQUIRE(ExInterlockedRemoveHeadList(&Filter->List, &Filter->ListLock) == &second->Entry);
        REQUIRE(ExInterlockedRemoveHeadList(&Filter->List, &Filter->ListLock) == &first->Entry);
        REQUIRE(ExInterlockedRemoveHeadList(&Filter->List, &Filter->ListLock) == NULL);
    }
    if (first != NULL)
        ExFreePoolWithTag(first, TAG);
    if (second != NULL)
        ExFreePoolWithTag(second, TAG);
}

static void Strings(void)
{
    char text[32];
    WCHAR wide[32];
    UNICODE_STRING joined, number;
    ANSI_STRING ansi;
    ULONG value = 0;

    REQUIRE(_snprintf(text, sizeof(text), "%s:%05d:%#x", "disk", -42, 255) == 15);
    REQUIRE(strcmp(text, "disk:-0042:0xff") == 0);
    REQUIRE(_snprintf(text, 4, "%s", "longer") == -1);
    joined.Buffer = wide;
    joined.Length = 0;
    joined.MaximumLength = sizeof(wide);
    REQUIRE(NT_SUCCESS(RtlAppendUnicodeToString(&joined, L"\\Device\\")));
    number.Buffer = wide + 20;
    number.Length = 0;
    number.MaximumLength = 16;
    REQUIRE(NT_SUCCESS(RtlIntegerToUnicodeString(77, 10, &number)));
    REQUIRE(NT_SUCCESS(RtlAppendUnicodeStringToString(&joined, &number)));
    REQUIRE(joined.Length == 22 && wcsncmp(wide, L"\\Device\\77", 11) == 0);
    REQUIRE(NT_SUCCESS(RtlUnicodeStringToInteger(&number, 10, &value)) && value == 77);
    if (NT_SUCCESS(RtlUnicodeStringToAnsiString(&ansi, &joined, TRUE))) {
        REQUIRE(ansi.Length == 11 && memcmp(ansi.Buffer, "\\Device\\77", 11) == 0);
        RtlFreeAnsiString(&ansi);
    }
}

static NTSTATUS Read(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    PMDL mdl = Irp->MdlAddress;
    PUCHAR data;

    Times();
    Levels();
    Lists(filter);
    if (mdl != NULL) {
        data = MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority | MdlMappingNoExecute);
        REQUIRE(data == NULL || MmGetMdlByteCount(mdl) >= IoGetCurrentIrpStackLocation(Irp)->Parameters.Read.Length);
    }
    return FilterPass(Device, Irp);
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->MajorFunction[IRP_MJ_READ] = (PDRIVER_DISPATCH)Read;
}

static NTSTATUS FilterAdded(FILTER *Filter)
{
    ExInitializeSListHead(&Filter->Free);
    InitializeListHead(&Filter->List);
    KeInitializeSpinLock(&Filter->ListLock);
    KeInitializeSpinLock(&Filter->Lock);
    Strings();
    return STATUS_SUCCESS;
}

static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static void FilterRemoved(FILTER *Filter) { (void)Filter; }
